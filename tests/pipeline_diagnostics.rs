//! Diagnostics of pipeline files: position, problem and suggestion.

use std::fs;

use engine::pipeline::{OpenError, Pipeline, Setup};
use expect_test::{Expect, expect};

use crate::support::{engine, fed, plugin};

/// Opens a pipeline file, and expects these diagnostics. `$PLUGINS` stands for the folder of test plugins.
#[expect(clippy::needless_pass_by_value, reason = "`check(…, expect![…])` reads as it is meant")]
#[track_caller]
pub(crate) fn check(pipeline: &str, expected: Expect) {
    expected.assert_eq(&opened(pipeline));
}

/// The diagnostics of a pipeline file.
fn opened(pipeline: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (path, plugins) =
        (folder.path().join("p.toml"), plugin("inc").parent().unwrap().display().to_string());
    fs::write(folder.path().join("in"), "1\n").unwrap();
    fs::write(&path, pipeline.replace("$PLUGINS", &plugins)).unwrap();
    let setup = Setup { variable: &|name| (name == "SET").then(|| "in".to_owned()), ..Setup::default() };
    let said = match Pipeline::blocking_open_with(&path, setup) {
        Ok(_) => "no mistakes".to_owned(),
        Err(OpenError::Diagnostics(diagnostics)) => diagnostics.to_string(),
        Err(error) => format!("{error:?}"),
    };
    said.replace(&plugins, "$PLUGINS").replace(&format!("{}/", folder.path().display()), "")
}

/// The same for an expected text that the test computes.
#[track_caller]
fn check_stages(wrong: &str, said: &str) {
    assert_eq!(opened(&format!("[sources.stdin]\n{wrong}\n[sinks.stdout]\n")), said);
}

/// The same with `stages` between a valid source and sink.
#[track_caller]
fn stages(stages: &str, expected: Expect) {
    check(&format!("[sources.stdin]\n{stages}\n[sinks.stdout]\n"), expected);
}

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
fn invalid_and_duplicate_names() {
    check(
        "[sources.stdin]\n[stages.\"a b\"]\ntype = \"flatten\"\n[sinks.stdin]\ntype = \"stdout\"\n",
        expect![[r#"
            p.toml:2:9: a node can't be named "a b": names have letters, digits, _ and -
            p.toml:4:8: there are two nodes named stdin (another one stands in line 1: rename one, with type = "stdout")"#]],
    );
}

#[test]
fn a_node_without_an_input() {
    check(
        "[sinks.stdout]\n[sources.stdin]\n",
        expect![[
            r#"p.toml:1:8: there is nothing before stdout to take from (put a source before it, or write from = "NAME")"#
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
        expect!["p.toml:5:8: stdout is a sink: nothing comes out of it (take from what stands before it)"],
    );
}

#[test]
fn a_source_with_an_input() {
    check(
        "[sources.stdin]\nfrom = \"x\"\n[sinks.stdout]\n",
        expect!["p.toml:2:1: stdin is a source: it takes from nobody (remove it, or make it a stage)"],
    );
}

#[test]
fn a_cycle_of_nodes() {
    let circle = "[stages.a]\ntype = \"union\"\nfrom = [\"stdin\", \"c\"]\n[stages.b]\ntype = \"flatten\"\n[stages.c]\ntype = \"delay\"\ninterval = 1";
    stages(
        circle,
        expect![
            "p.toml:5:9: this is a cycle: b → c → a → b (records would go around for ever: take from a node outside)"
        ],
    );
    stages(
        "[stages.flatten]\nfrom = \"flatten\"",
        expect![[r#"
        p.toml:1:10: nobody takes what stdin gives (add a sink with from = "stdin", or remove it)
        p.toml:2:9: this is a cycle: flatten → flatten (records would go around for ever: take from a node outside)"#]],
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
        expect![[
            r#"p.toml:2:9: zip brings streams together, and does not say which (write from = ["one", "other"])"#
        ]],
    );
    stages(
        "[stages.zip]\nfrom = \"stdin\"",
        expect![[
            r#"p.toml:3:8: zip brings streams together, and takes from only one (write from = ["one", "other"])"#
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
            r#"p.toml:2:9: nobody takes what flatten gives (add a sink with from = "flatten", or remove it)"#
        ]],
    );
    check(
        "[sources.stdin]\n",
        expect![[r#"
        p.toml:1:1: there is no sink: nothing comes out (add one, as [sinks.stdout])
        p.toml:1:10: nobody takes what stdin gives (add a sink with from = "stdin", or remove it)"#]],
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
fn a_wrong_plugin() {
    stages(
        "[stages.map]\nplugin = \"nothing.wasm\"",
        expect!["p.toml:3:10: map: can't read nothing.wasm: No such file or directory (os error 2)"],
    );
    stages(
        "[stages.map]\nplugin = \"p.toml\"",
        expect![
            "p.toml:3:10: map: p.toml is not a plugin: it is not WebAssembly (build a plugin crate with `engine build`)"
        ],
    );
    stages(
        "[stages.map]\nfunction = \"x\"",
        expect![
            "p.toml:2:9: map needs the option plugin (plugin: the plugin: a .wasm file, or a plugin crate's folder, which `engine run` builds if it changed)"
        ],
    );
    stages(
        "[stages.filter]\nfunction = \"x\"",
        expect!["p.toml:3:12: filter: there is no plugin that function could be for"],
    );
}

#[test]
fn a_plugin_that_does_not_match_its_pin() {
    let hash = |name| blake3::hash(&fs::read(plugin(name)).unwrap()).to_string();
    let (inc, words) = (hash("inc"), hash("words"));
    let pinned =
        |hash: &str| format!("[stages.map.plugin]\npath = \"$PLUGINS/inc.wasm\"\nblake3 = \"{hash}\"");
    stages(&pinned(&inc), expect!["no mistakes"]);
    stages(&pinned(&inc.to_uppercase()), expect!["no mistakes"]);
    let wrong = pinned(&words);
    let said = "has the BLAKE3 hash INC, but is pinned to WORDS";
    let said = said.replace("INC", &inc).replace("WORDS", &words);
    check_stages(&wrong, &format!("p.toml:4:10: map: $PLUGINS/inc.wasm {said}"));
    // Where it is loaded already, too.
    let twice = format!("[stages.first]\ntype = \"map\"\nplugin = \"$PLUGINS/inc.wasm\"\n{wrong}");
    check_stages(&twice, &format!("p.toml:7:10: map: $PLUGINS/inc.wasm {said}"));
    stages(
        &pinned("123"),
        expect![[
            r#"p.toml:4:10: map: expected 64 hexadecimal digits, as `engine inspect` shows them, found "123""#
        ]],
    );
    stages(
        "[stages.map]\nplugin = { path = \"inc.wasm\" }",
        expect!["p.toml:3:10: plugin: missing field `blake3`"],
    );
    stages(
        "[stages.map]\nplugin = { path = \"inc.wasm\", sha256 = \"1\" }",
        expect!["p.toml:3:31: plugin: unknown field `sha256`, expected `path` or `blake3`"],
    );
    stages(
        "[stages.map]\nplugin = 1",
        expect![
            "p.toml:3:10: plugin: invalid type: integer `1`, expected a path, or { path = …, blake3 = … }"
        ],
    );
}

#[test]
fn a_wrong_function() {
    stages(
        "[stages.map]\nplugin = \"$PLUGINS/words.wasm\"",
        expect![[
            r#"p.toml:3:10: map: $PLUGINS/words.wasm has several functions (long, words): choose one (say which, as in function = "long")"#
        ]],
    );
    stages(
        "[stages.map]\nplugin = \"$PLUGINS/words.wasm\"\nfunction = \"word\"",
        expect![
            "p.toml:4:12: map: $PLUGINS/words.wasm has no function word (did you mean words?); it has long, words"
        ],
    );
    stages(
        "[stages.map]\nplugin = \"$PLUGINS/words.wasm\"\nfunction = \"words\"",
        expect![[
            r#"p.toml:3:10: map: words is a flat-map function and can't be used as a map (write type = "flat_map")"#
        ]],
    );
    stages(
        "[stages.map]\nplugin = \"$PLUGINS/print.wasm\"",
        expect![[
            r#"p.toml:3:10: map: print is a sink function and can't be used as a map (make it a sink: [sinks.NAME] with type = "plugin")"#
        ]],
    );
    check(
        "[sources.stdin]\n[sinks.plugin]\nplugin = \"$PLUGINS/inc.wasm\"\n",
        expect![
            "p.toml:3:10: plugin: inc is a map function and can't be used as a sink (make it a stage: [stages.NAME])"
        ],
    );
}

#[test]
fn a_wrong_argument() {
    let long = "[stages.filter]\nplugin = \"$PLUGINS/words.wasm\"\nfunction = \"long\"\n";
    stages(
        &format!("{long}args = {{ leters = 3 }}"),
        expect!["p.toml:5:19: filter: long has no parameter leters (did you mean letters?); it has letters"],
    );
    stages(
        &format!("{long}args = {{ letters = \"many\" }}"),
        expect![[
            r#"p.toml:5:8: filter: long can't be opened: argument `letters`: expected an integer (usize), found "many""#
        ]],
    );
    stages(
        &format!("{long}args = {{ letters = [1] }}"),
        expect!["p.toml:5:20: args: invalid type: sequence, expected a text, a number or a boolean"],
    );
}

#[test]
fn a_wrong_capability() {
    let inc = "[stages.map]\nplugin = \"$PLUGINS/inc.wasm\"\n";
    stages(
        &format!("{inc}allow = [\"clok\"]"),
        expect![[
            r#"p.toml:4:9: map: "clok" is no capability (write dir:PATH, dir:PATH:ro, net:HOST:PORT, env:NAME, clock or random)"#
        ]],
    );
    stages(
        &format!("{inc}allow = [\"clock\"]"),
        expect!["p.toml:4:9: map: no function says that it needs clock (remove it: it would have no effect)"],
    );
    stages(
        &format!("{inc}allow = [\"dir:nowhere\"]"),
        expect!["p.toml:4:9: map: there is no folder nowhere"],
    );
}

#[test]
fn a_wrong_file() {
    check(
        "[sources.files]\npath = [\"in\", \"nothing\"]\n[sinks.file]\npath = \"in\"\n",
        expect![[r#"
        p.toml:2:8: files: can't read nothing: No such file or directory (os error 2)
        p.toml:4:8: file: can't write in: it is read too (name another file)"#]],
    );
    check(
        "[sources.files]\npath = \".\"\n[sinks.file]\npath = \"no/where\"\n",
        expect![[r#"
        p.toml:2:8: files: can't read .: it is a folder
        p.toml:4:8: file: there is no folder no"#]],
    );
    check(
        "[sources.stdin]\n[sinks.a]\ntype = \"file\"\npath = \"x\"\n[sinks.b]\ntype = \"file\"\npath = \"x\"\n",
        expect!["p.toml:7:8: b: can't write x: another node writes there (name another file)"],
    );
    check(
        "[sources.files]\npath = \"in\"\n[sinks.file]\npath = \"in\"\n",
        expect!["p.toml:4:8: file: can't write in: it is read too (name another file)"],
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
fn bytes_in_arrays() {
    check(
        "[sources.stdin]\nformat = \"bytes\"\n[stages.partition]\nn = 2\n[sinks.stdout]\n",
        expect![[
            r#"p.toml:3:9: partition: it makes arrays of records, and bytes have no form in JSON (give the source format = "text" or "json", or put a function between)"#
        ]],
    );
}

#[test]
fn two_sources_of_stdin() {
    check(
        "[sources.stdin]\n[sources.b]\ntype = \"stdin\"\n[stages.union]\nfrom = [\"stdin\", \"b\"]\n[sinks.stdout]\n",
        expect!["p.toml:2:10: b: another source reads stdin too (remove one of them)"],
    );
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
            p.toml:3:13: isolation: unknown variant `batches`, expected one of `worker`, `batch`, `record`
            p.toml:5:10: memory: expected a number of bytes, as "64MiB", found "much"
            p.toml:7:11: retries: expected a whole number from 0, found -1"#]],
    );
}

#[test]
fn all_diagnostics_come_at_once_and_in_order() {
    check(
        "[sources.files]\npath = \"nothing\"\n[stages.map]\nplugin = \"$PLUGINS/words.wasm\"\nfunction = \"long\"\n\
         [stages.slice]\nstart = -1\n[sinks.stdout]\nfrom = \"slise\"\n",
        expect![[r#"
            p.toml:2:8: files: can't read nothing: No such file or directory (os error 2)
            p.toml:4:10: map: long is a filter function and can't be used as a map (write type = "filter")
            p.toml:7:9: start: expected a whole number from 0, found -1
            p.toml:9:8: there is no node named slise (did you mean slice?)"#]],
    );
}

#[test]
fn the_command_prints_diagnostics_as_lines_or_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.toml");
    fs::write(&path, "[sources.stdin]\n[sinks.stdout]\nnul = true\n").unwrap();
    let path = path.display().to_string();
    for command in ["run", "check", "graph"] {
        let did = fed(engine([command, &path]), "a\n");
        let line = format!("{path}:3:1: stdout has no option nul (did you mean null?)\n");
        assert_eq!((did.code, &*did.stdout, &*did.stderr), (Some(2), "", &*line), "{command}");
    }
    let did = fed(engine(["check", "--json", &path]), "");
    let found: serde_json::Value = serde_json::from_str(&did.stdout).unwrap();
    assert_eq!(
        (did.code, &found[0]["line"], &found[0]["help"]),
        (Some(2), &3.into(), &"did you mean null?".into())
    );
    let did = fed(engine(["run", "--unordered", &path]), "");
    assert!(did.stderr.starts_with("engine: --unordered does not go with a pipeline file"), "{}", did.stderr);
    let did = fed(engine(["check", "nothing.toml"]), "");
    assert_eq!((did.code, did.stderr.lines().count()), (Some(2), 1), "{}", did.stderr);
}
