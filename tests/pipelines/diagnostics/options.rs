//! Options, settings and variables.

use expect_test::expect;

use super::support::{check, stages};

#[test]
fn unknown_option() {
    stages(
        "[stages.partition]\nn = 2\ntimout = \"1s\"",
        expect!["p.toml:4:1: partition has no option timout (did you mean timeout?)"],
    );
}

#[test]
fn missing_option() {
    stages(
        "[stages.partition]\nkey = \"a\"",
        expect![
            "p.toml:2:9: partition needs the option n (n: how many records make a group; a smaller one comes at the end)"
        ],
    );
}

#[test]
fn a_value_of_the_wrong_type() {
    stages(
        "[stages.partition]\nn = \"two\"\nkey = 1.5\ntimeout = true",
        expect![[r#"
            p.toml:3:5: n: expected a whole number from 1, found "two"
            p.toml:4:7: key: expected a field's name, the number of an item, or a path such as "/user/id", found 1.5
            p.toml:5:11: timeout: expected a time, as "500ms", "2s" or a number of seconds, found true"#]],
    );
}

#[test]
fn a_value_out_of_range() {
    stages(
        "[stages.slice]\nstart = -1\nend = 3\n[stages.delay]\ninterval = 0\n[stages.buffer]\nn = 0",
        expect![[r#"
            p.toml:3:9: start: expected a whole number from 0, found -1
            p.toml:6:12: interval: expected a time, as "500ms", "2s" or a number of seconds, found 0
            p.toml:8:5: n: expected a whole number from 1, found 0"#]],
    );
    stages(
        "[stages.slice]\nstart = 5\nend = 3",
        expect!["p.toml:4:7: slice: the end, 3, is before the start, 5"],
    );
    stages(
        "[stages.sample]",
        expect![[
            r#"p.toml:2:9: sample: it does not say how many records to drop (write n = 10 or every = "1s")"#
        ]],
    );
    stages(
        "[stages.sample]\nn = 2\nevery = \"1s\"",
        expect!["p.toml:4:9: sample: n already says how many records to drop (remove one of them)"],
    );
    stages(
        "[stages.slice]\nstep = 0",
        expect!["p.toml:3:8: slice: a step of 0 leads nowhere (write 1 or more)"],
    );
}

#[test]
fn unknown_choice() {
    stages(
        "[stages.partition_unique]\nn = 2\nkeep = \"frist\"",
        expect![[r#"p.toml:4:8: keep: expected "first" or "last", found "frist" (did you mean "first"?)"#]],
    );
    stages(
        "[stages.flatten]\non_fault = \"ignore\"",
        expect![[r#"p.toml:3:12: on_fault: expected "stop", "skip" or { divert = … }, found "ignore""#]],
    );
    stages(
        "[stages.flatten]\non_fault = { diver = \"x\" }",
        expect![[
            r#"p.toml:3:12: on_fault: expected "stop", "skip" or { divert = … }, found { diver = … } (did you mean { divert = … }?)"#
        ]],
    );
}

#[test]
fn all_mistakes_of_one_node_are_reported() {
    stages(
        "[stages.partition]\nn = \"two\"\nkey = 1.5\ntimout = \"1s\"\non_fault = \"ignore\"\nretries = -1",
        expect![[r#"
            p.toml:3:5: n: expected a whole number from 1, found "two"
            p.toml:4:7: key: expected a field's name, the number of an item, or a path such as "/user/id", found 1.5
            p.toml:5:1: partition has no option timout (did you mean timeout?)
            p.toml:6:12: on_fault: expected "stop", "skip" or { divert = … }, found "ignore"
            p.toml:7:11: retries: expected a whole number from 0, found -1"#]],
    );
    check(
        "[sources.process]\ncommand = \"seq 3\"\nnull = 1\nformat = \"jsn\"\n[sinks.http]\nurl = \"x\"\nwithin = \"1s\"\n\
         headers = { \"a b\" = \"x\", c = \"y\\n\" }\n",
        expect![[r#"
            p.toml:2:11: command: expected a list, as ["seq", "3"], found "seq 3"
            p.toml:3:8: null: expected true or false, found 1 (null: records end with a NUL byte, instead of a newline)
            p.toml:4:10: format: expected "text", "json" or "bytes", found "jsn" (did you mean "json"?)
            p.toml:6:7: http: "x" is not an HTTP URL (write http://… or https://…)
            p.toml:7:10: http: each record is sent alone (set how many are sent together: batch = 100)
            p.toml:8:21: http: "a b" is not a valid header name
            p.toml:8:30: http: the value of c is not valid in a header"#]],
    );
    check(
        "[sources.in]\ntype = \"http\"\naddress = \"localhost:80\"\npath = \"a\"\norigins = [\"x\", \"https://a.b\", \"y\"]\n\
         [sinks.stdout]\non_fault = \"skip\"\n",
        expect![[r#"
            p.toml:4:8: in: a path begins with / (write "/a")
            p.toml:5:11: in: "x" is not the origin of a web page (as "https://example.org")
            p.toml:5:11: in: "y" is not the origin of a web page (as "https://example.org")
            p.toml:7:1: stdout has no option on_fault (there is only null)"#]],
    );
    stages(
        "[stages.slice]\nstart = 5\nend = 3\nstep = 0",
        expect![[r#"
        p.toml:4:7: slice: the end, 3, is before the start, 5
        p.toml:5:8: slice: a step of 0 leads nowhere (write 1 or more)"#]],
    );
}

#[test]
fn a_source_may_have_an_option_named_from() {
    let files = "[sources.files]\npath = \"in\"\nfollow = true\nfrom =";
    check(&format!("{files} \"end\"\n[sinks.stdout]\n"), expect!["no mistakes"]);
    check(
        &format!("{files} \"ende\"\n[sinks.stdout]\n"),
        expect![[r#"p.toml:4:8: from: expected "start" or "end", found "ende" (did you mean "end"?)"#]],
    );
}

#[test]
fn an_option_that_all_nodes_have_is_suggested() {
    stages(
        "[stages.flatten]\nfrm = \"stdin\"\non_falt = \"skip\"\nretrys = 1",
        expect![[r#"
        p.toml:3:1: flatten has no option frm (did you mean from?)
        p.toml:4:1: flatten has no option on_falt (did you mean on_fault?)
        p.toml:5:1: flatten has no option retrys (did you mean retries?)"#]],
    );
}

#[test]
fn a_boolean_may_come_from_a_variable() {
    stages("[stages.sliding_window]\nn = 2\nreturn_partial = \"${PARTIAL:-true}\"", expect!["no mistakes"]);
}

#[test]
fn other_expansions_of_shells() {
    check(
        "[sources.files]\npath = [\"${UNSET:-${SET}}\", \"${SET:+d}\", \"${UNSET-in}\"]\n[sinks.stdout]\n",
        expect![[r#"
            p.toml:2:29: ${SET:+d} is not a variable (write ${NAME} or ${NAME:-default}; $${ stands for the characters)
            p.toml:2:42: ${UNSET-in} is not a variable (did you mean ${UNSET:-in}?)"#]],
    );
    check("[sources.files]\npath = \"${UNSET:-${SET}}\"\n[sinks.stdout]\n", expect!["no mistakes"]);
}

#[test]
fn two_columns_of_one_name() {
    check(
        "[sources.csv]\npath = \"in\"\nheaders = [\"a\", \"b\", \"a\", \"b\"]\nquote = \",\"\n[sinks.out]\ntype = \"csv\"\npath = \"out\"\n\
         columns = [\"a\", \"a\"]\n",
        expect![[r#"
            p.toml:1:10: csv: the delimiter and the quote must be different (choose another delimiter or quote)
            p.toml:3:22: csv: there are two columns named "a" (give each another name)
            p.toml:3:27: csv: there are two columns named "b" (give each another name)
            p.toml:8:17: out: there are two columns named "a" (give each another name)"#]],
    );
    check(
        "[sources.folder]\npath = \".\"\nlayout = \"csv\"\ncsv = { headers = [\"a\", \"a\"] }\n[sinks.stdout]\n",
        expect![[r#"p.toml:4:25: folder: there are two columns named "a" (give each another name)"#]],
    );
    check(
        "[sources.csv]\npath = \"in\"\nheaders = []\n[sinks.stdout]\n",
        expect!["p.toml:3:11: csv: it names no column (remove it, or name each column)"],
    );
}

#[test]
fn an_unset_variable() {
    check(
        "[sources.files]\npath = \"${UNSET}\"\n[sinks.file]\npath = \"${SET\"\n",
        expect![[r#"
            p.toml:2:8: the variable UNSET is not set (set it, or give a default: ${UNSET:-default})
            p.toml:4:8: a variable without its closing brace (write ${NAME}, or $${ for the characters themselves)"#]],
    );
    check("[sources.files]\npath = \"${SET}\"\n[sinks.stdout]\n", expect!["no mistakes"]);
}

#[test]
fn threads_are_set_by_both_of_their_names() {
    check(
        "[pool]\nthreads = 2\nworkers = 2\n[sources.stdin]\n[sinks.stdout]\n",
        expect!["p.toml:3:11: workers: the former name of threads (remove one)"],
    );
}

#[test]
fn wrong_settings() {
    check(
        "[pool]\nworker = 2\nisolation = \"batches\"\n[limits]\nmemory = \"much\"\n[faults]\nretries = -1\n[sources.stdin]\n[sinks.stdout]\n",
        expect![[r#"
            p.toml:2:1: pool has no option worker (did you mean workers?)
            p.toml:3:13: isolation: expected "thread", "batch" or "record", found "batches"
            p.toml:5:10: memory: expected a number of bytes, as "64MiB", found "much"
            p.toml:7:11: retries: expected a whole number from 0, found -1"#]],
    );
}
