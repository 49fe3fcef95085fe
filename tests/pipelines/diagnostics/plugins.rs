//! Plugins, their functions, arguments and capabilities.

use std::fs;

use expect_test::expect;

use super::support::{check, check_stages, stages};
use crate::support::plugin;

#[test]
fn a_wrong_plugin() {
    stages(
        "[stages.map]\nplugin = \"nothing.wasm\"",
        expect!["p.toml:3:10: map: can't read nothing.wasm: No such file or directory (os error 2)"],
    );
    stages(
        "[stages.map]\nplugin = \"p.toml\"",
        expect!["p.toml:3:10: map: p.toml is not a plugin: it is not WebAssembly"],
    );
    stages(
        "[stages.map]\nfunction = \"x\"",
        expect![
            "p.toml:2:9: map needs the option plugin (plugin: the plugin: a .wasm file, or a plugin crate's folder, which is built if it changed)"
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
        expect![[r#"p.toml:4:10: plugin.blake3: expected 64 hexadecimal digits, found "123""#]],
    );
    stages(
        "[stages.map]\nplugin = { path = \"inc.wasm\" }",
        expect![
            "p.toml:3:10: plugin needs the option blake3 (blake3: the BLAKE3 hash of its file, in hexadecimal digits)"
        ],
    );
    stages(
        "[stages.map]\nplugin = { path = \"inc.wasm\", sha256 = \"1\" }",
        expect![[r#"
            p.toml:3:10: plugin needs the option blake3 (blake3: the BLAKE3 hash of its file, in hexadecimal digits)
            p.toml:3:31: plugin has no option sha256 (there are path, blake3)"#]],
    );
    stages(
        "[stages.map]\nplugin = 1",
        expect![
            "p.toml:3:10: plugin: expected a text, found 1 (plugin: the plugin: a .wasm file, or a plugin crate's folder, which is built if it changed)"
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
        expect!["p.toml:5:20: args.letters: expected a text, a number or a boolean, found a list"],
    );
}

#[test]
fn all_mistakes_of_a_call_are_reported() {
    let long = "[stages.filter]\nplugin = \"$PLUGINS/words.wasm\"\nfunction = \"long\"\n";
    stages(
        &format!(
            "{long}args = {{ leters = 3, letters = 4, more = 5 }}\nallow = [\"clok\", \"dir:nowhere\", \"clock\"]"
        ),
        expect![[r#"
            p.toml:5:19: filter: long has no parameter leters (did you mean letters?); it has letters
            p.toml:5:42: filter: long has no parameter more; it has letters
            p.toml:6:10: filter: "clok" is no capability (write dir:PATH, dir:PATH:ro, net:HOST:PORT, env:NAME, clock or random)
            p.toml:6:18: filter: there is no folder nowhere
            p.toml:6:33: filter: no function says that it needs clock (remove it: it would have no effect)"#]],
    );
}

#[test]
fn a_wrong_capability() {
    let inc = "[stages.map]\nplugin = \"$PLUGINS/inc.wasm\"\n";
    stages(
        &format!("{inc}allow = [\"clok\"]"),
        expect![[
            r#"p.toml:4:10: map: "clok" is no capability (write dir:PATH, dir:PATH:ro, net:HOST:PORT, env:NAME, clock or random)"#
        ]],
    );
    stages(
        &format!("{inc}allow = [\"clock\"]"),
        expect![
            "p.toml:4:10: map: no function says that it needs clock (remove it: it would have no effect)"
        ],
    );
    stages(
        &format!("{inc}allow = [\"dir:nowhere\"]"),
        expect!["p.toml:4:10: map: there is no folder nowhere"],
    );
}
