//! TOML, tables and types of nodes.

use expect_test::expect;

use super::support::{check, stages};

#[test]
fn invalid_toml() {
    check(
        "[sources.stdin\n[sinks.stdout]\nx = = 1\n",
        expect![[r#"
            p.toml:1:15: this is not TOML: unclosed table, expected `]`
            p.toml:3:5: this is not TOML: extra `=`, expected nothing
            p.toml:3:7: this is not TOML: unexpected key or value, expected newline, `#`"#]],
    );
}

#[test]
fn unknown_table() {
    check(
        "[source.stdin]\n[sources.stdin]\n[sinks.stdout]\n[output]\n",
        expect![[r#"
            p.toml:1:2: there is no table [source] here (did you mean sources?)
            p.toml:4:2: there is no table [output] here (there are sources, stages, sinks, pool, limits, faults)"#]],
    );
}

#[test]
fn a_node_that_is_not_a_table() {
    check(
        "sinks.stdout = true\n[sources]\nstdin = \"x\"\n",
        expect![[r#"
            p.toml:1:7: stdout must be a table: write [sinks.stdout]
            p.toml:3:1: stdin must be a table: write [sources.stdin]"#]],
    );
}

#[test]
fn unknown_type() {
    stages(
        "[stages.x]\ntype = \"partitoin\"\nn = 2",
        expect![[r#"p.toml:3:8: there is no stage of type "partitoin" (did you mean partition?)"#]],
    );
}

#[test]
fn a_type_of_another_section() {
    stages(
        "[stages.x]\ntype = \"stdout\"",
        expect![[
            r#"p.toml:3:8: there is no stage of type "stdout" (stdout is a type of sink: it belongs in [sinks])"#
        ]],
    );
}

#[test]
fn missing_type() {
    stages(
        "[stages.pairs]\nn = 2",
        expect![[
            r#"p.toml:2:9: pairs has no type (give it one, as in type = "buffer"; these options fit sample, partition, partition_unique, sliding_window too)"#
        ]],
    );
}

#[test]
fn a_misspelled_type_and_the_options_of_the_one_that_was_meant() {
    stages(
        "[stages.inc]\ntyp = \"map\"\nplugn = \"x\"\nretries = \"no\"",
        expect![[r#"
        p.toml:3:1: inc has no option typ (did you mean type?)
        p.toml:4:1: inc has no option plugn (did you mean plugin?)
        p.toml:5:11: retries: expected a whole number from 0, found "no""#]],
    );
    stages(
        "[stages.partitoin]\nm = 2",
        expect![[r#"
        p.toml:2:9: partitoin has no type (did you mean partition?)
        p.toml:3:1: partitoin has no option m (did you mean n?)"#]],
    );
    stages(
        "[stages.x]\ntype = \"dedup\"\nmaxsiz = 2\n[stages.y]\ntype = \"window\"\nn = 0",
        expect![[r#"
        p.toml:3:8: there is no stage of type "dedup" (did you mean unique?)
        p.toml:4:1: x has no option maxsiz (did you mean maxsize?)
        p.toml:6:8: there is no stage of type "window" (did you mean sliding_window?)
        p.toml:7:5: n: expected a whole number from 1, found 0"#]],
    );
    stages(
        "[stages.x]\ntype = \"frobnicate\"\n[stages.y]\ntype = 3\n[stages.z]\nwhat = 1",
        expect![[r#"
        p.toml:3:8: there is no stage of type "frobnicate" (some types are map, starmap, filter, remove; the guide lists all)
        p.toml:5:8: a type is a text (as in type = "map")
        p.toml:6:9: z has no type (give it one, as in type = "map"; some types are map, starmap, filter, remove; the guide lists all)"#]],
    );
}

#[test]
fn a_version_of_the_format() {
    check("version = 1\n[sources.stdin]\n[sinks.stdout]\n", expect!["no mistakes"]);
    check(
        "version = 2\n[sources.stdin]\nnew = 1\n",
        expect![
            "p.toml:1:11: it is of version 2 of pipeline files, and this engine reads up to version 1: use an engine that is as new as the one that wrote it"
        ],
    );
    check(
        "version = \"1\"\n[sources.stdin]\n[sinks.stdout]\n",
        expect!["p.toml:1:11: version: expected a whole number, as in version = 1"],
    );
}

#[test]
fn invalid_and_duplicate_names() {
    check(
        "[sources.stdin]\n[stages.\"a b\"]\ntype = \"flatten\"\n[sinks.stdin]\ntype = \"stdout\"\n",
        expect![[r#"
            p.toml:2:9: a node can't be named "a b": names have letters, digits, _ and -
            p.toml:4:8: there are two nodes named stdin (the other one is in line 1: rename one, with type = "stdout")"#]],
    );
}
