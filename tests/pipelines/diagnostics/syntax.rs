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
            r#"p.toml:2:9: pairs has no type (give it one, as in type = "map"; there are map, starmap, filter, remove, flat_map, accumulate, flatten, scatter, buffer, gather, slice, sample, partition, partition_unique, sliding_window, timed_window, timed_window_unique, unique, pluck, frequencies, collect, delay, rate_limit, latest, union, zip, combine_latest, zip_latest)"#
        ]],
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
