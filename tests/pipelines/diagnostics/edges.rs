//! Inputs, consumers, cycles, scatter and gather.

use expect_test::expect;

use super::support::{check, stages};

#[test]
fn a_node_without_an_input() {
    check(
        "[sinks.stdout]\n[sources.stdin]\n",
        expect![[
            r#"p.toml:1:8: stdout has no node before it to take from (put a source before it, or write from = "NAME")"#
        ]],
    );
}

#[test]
fn an_input_from_an_unknown_node() {
    stages(
        "[stages.flatten]\nfrom = \"stdn\"",
        expect!["p.toml:3:8: there is no node named stdn (did you mean stdin?)"],
    );
    stages(
        "[stages.flatten]\nfrom = 3",
        expect![
            "p.toml:3:8: from does not name a node (write a node's name, a list of them, or { literal = … })"
        ],
    );
}

#[test]
fn a_sink_as_an_input() {
    check(
        "[sources.stdin]\n[sinks.stdout]\n[sinks.file]\npath = \"x\"\nfrom = \"stdout\"\n",
        expect!["p.toml:5:8: stdout is a sink: nothing comes out of it (take from the node before it)"],
    );
}

#[test]
fn a_source_with_an_input() {
    check(
        "[sources.stdin]\nfrom = \"x\"\n[sinks.stdout]\n",
        expect!["p.toml:2:1: stdin is a source: it has no input (remove it, or make it a stage)"],
    );
}

#[test]
fn a_cycle_of_nodes() {
    let circle = "[stages.a]\ntype = \"union\"\nfrom = [\"stdin\", \"c\"]\n[stages.b]\ntype = \"flatten\"\n[stages.c]\ntype = \"delay\"\ninterval = 1";
    stages(
        circle,
        expect![
            "p.toml:5:9: this is a cycle: b → c → a → b (records would go around forever: take from a node outside)"
        ],
    );
    stages(
        "[stages.flatten]\nfrom = \"flatten\"",
        expect![[r#"
        p.toml:1:10: no node takes from stdin (add a sink with from = "stdin", or remove it)
        p.toml:2:9: this is a cycle: flatten → flatten (records would go around forever: take from a node outside)"#]],
    );
}

#[test]
fn too_many_or_too_few_inputs() {
    check(
        "[sources.stdin]\n[sources.files]\npath = \"in\"\n[sinks.stdout]\nfrom = [\"stdin\", \"files\"]\n",
        expect![
            "p.toml:5:9: stdout takes from one, not from 2 (put a union, a zip or a combine_latest between)"
        ],
    );
    stages(
        "[stages.zip]",
        expect![[r#"p.toml:2:9: zip joins several nodes, and names none (write from = ["one", "other"])"#]],
    );
    stages(
        "[stages.zip]\nfrom = \"stdin\"",
        expect![[
            r#"p.toml:3:8: zip joins several nodes, and takes from only one (write from = ["one", "other"])"#
        ]],
    );
    stages(
        "[stages.flatten]\nfrom = [{ literal = 1 }]",
        expect!["p.toml:3:21: flatten takes no literal (zip and combine_latest do)"],
    );
}

#[test]
fn a_node_without_a_consumer() {
    check(
        "[sources.stdin]\n[stages.flatten]\n[sinks.stdout]\nfrom = \"stdin\"\n",
        expect![[
            r#"p.toml:2:9: no node takes from flatten (add a sink with from = "flatten", or remove it)"#
        ]],
    );
    check(
        "[sources.stdin]\n",
        expect![[r#"
        p.toml:1:1: there is no sink: nothing comes out (add one, as [sinks.stdout])
        p.toml:1:10: no node takes from stdin (add a sink with from = "stdin", or remove it)"#]],
    );
    check(
        "",
        expect![[r#"
        p.toml:1:1: there is no source: nothing comes in (add one, as [sources.stdin])
        p.toml:1:1: there is no sink: nothing comes out (add one, as [sinks.stdout])"#]],
    );
}

#[test]
fn scatter_without_gather() {
    stages(
        "[stages.scatter]",
        expect!["p.toml:3:8: stdout: its records are still scattered (put a gather before it)"],
    );
    stages(
        "[stages.gather]",
        expect![
            "p.toml:2:9: gather: its records are not scattered (put a scatter before what is to run on the pool, or remove it)"
        ],
    );
    stages(
        "[stages.scatter]\n[stages.again]\ntype = \"scatter\"\n[stages.gather]",
        expect!["p.toml:3:9: again: its records are scattered already (remove it)"],
    );
    let forked = "[stages.scatter]\n[stages.a]\ntype = \"gather\"\n[stages.b]\ntype = \"gather\"\nfrom = \"scatter\"\n\
                  [stages.union]\nfrom = [\"a\", \"b\"]";
    stages(
        forked,
        expect![[
            r#"p.toml:7:8: b: another node takes from scatter too (scatter is scattered: put a gather after it, or a scatter into each branch)"#
        ]],
    );
}

#[test]
fn bytes_in_arrays() {
    check(
        "[sources.stdin]\nformat = \"bytes\"\n[stages.partition]\nn = 2\n[sinks.stdout]\n",
        expect![[
            r#"p.toml:3:9: partition: it makes arrays of records, and bytes have no form in JSON (give the source format = "text" or "json", or put a function between)"#
        ]],
    );
}
