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
        expect!["p.toml:4:8: keep: unknown variant `frist`, expected `first` or `last`"],
    );
    stages(
        "[stages.flatten]\non_fault = \"ignore\"",
        expect!["p.toml:3:12: on_fault: unknown variant `ignore`, expected one of `stop`, `skip`, `divert`"],
    );
    stages(
        "[stages.flatten]\non_fault = { diver = \"x\" }",
        expect!["p.toml:3:14: on_fault: unknown variant `diver`, expected one of `stop`, `skip`, `divert`"],
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
            p.toml:3:13: isolation: unknown variant `batches`, expected one of `thread`, `worker`, `batch`, `record`
            p.toml:5:10: memory: expected a number of bytes, as "64MiB", found "much"
            p.toml:7:11: retries: expected a whole number from 0, found -1"#]],
    );
}
