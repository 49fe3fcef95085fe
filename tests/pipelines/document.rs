//! The file itself: variables, paths, its schema, its diagram, and runs of it from Rust.

use std::path::Path;

use engine::pipeline::Pipeline;
use serde_json::{Value, json};

use super::support::{given, through};
use crate::support::pipelines::Files;
use crate::support::{engine, fed};

#[test]
fn variables_are_replaced_and_paths_are_relative_to_the_file() {
    let files = Files::new("[sources.files]\npath = \"${NAME:-in}\"\n[sinks.file]\npath = \"out\"\n");
    files.write("in", "1\n");
    files.write("other", "2\n");
    let run = |name: Option<&str>| {
        let mut command = engine(["run".as_ref(), files.path("pipeline.toml").as_os_str()]);
        command.env_remove("NAME").current_dir("/");
        command.envs(name.map(|name| ("NAME", name)));
        let did = fed(command, "");
        assert_eq!(did.code, Some(0), "{}", did.stderr);
        files.read("out")
    };
    assert_eq!((run(None), run(Some("other"))), ("1\n".into(), "2\n".into()));
}

#[tokio::test]
async fn the_library_runs_a_pipeline() {
    let files = Files::new("[sources.files]\npath = \"in\"\n[sinks.file]\npath = \"out\"\n");
    files.write("in", "a\nb\n");
    let mut pipeline = Pipeline::open(files.path("pipeline.toml")).await.unwrap();
    pipeline.run(&tokio_util::sync::CancellationToken::new()).await.unwrap();
    let counts = pipeline.counts();
    assert_eq!((counts[0].0, counts[0].1.emitted, counts[0].1.delivered), ("files", 2, 2));
    assert_eq!(files.read("out"), "a\nb\n");
    assert!(pipeline.run(&tokio_util::sync::CancellationToken::new()).await.is_err());
}

#[test]
fn a_pipeline_renders_as_a_diagram() {
    let files = Files::new(
        "[sources.stdin]\n[stages.inc]\ntype = \"map\"\nplugin = \"$PLUGINS/inc.wasm\"\n[sinks.stdout]\n",
    );
    let path: &Path = &files.path("pipeline.toml");
    let drawn = |form: &str| {
        fed(engine(["graph".as_ref(), "--as".as_ref(), form.as_ref(), path.as_os_str()]), "").stdout
    };
    let mermaid = "flowchart LR\n  n0([\"stdin\"])\n  n1[\"inc<br/><i>map</i>\"]\n  n2[/\"stdout\"/]\n  \
                   n0 -->|text| n1\n  n1 -->|json| n2\n";
    assert_eq!(drawn("mermaid"), mermaid);
    assert!(drawn("dot").contains("n0 -> n1 [label=\"text\"]"));
    let svg = drawn("svg");
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.matches("<rect").count() == 4,
        "{svg}"
    );
}

#[test]
fn the_json_schema_has_every_option_of_every_node() {
    let schema: Value = serde_json::from_str(&fed(engine(["schema"]), "").stdout).unwrap();
    let options = |node: &str| -> Vec<String> {
        let properties = schema["definitions"][node]["properties"].as_object();
        properties.expect(node).keys().cloned().collect()
    };
    assert_eq!(
        options("stages.partition"),
        ["from", "key", "max_faults", "n", "on_fault", "retries", "timeout", "type"]
    );
    assert_eq!(options("sources.periodic"), ["interval", "times", "type", "value"]);
    assert_eq!(schema["definitions"]["stages.partition"]["required"], json!(["n"]));
    // Each option says what it means.
    let nodes = schema["definitions"].as_object().unwrap();
    for (name, node) in nodes {
        assert!(node["description"].is_string(), "{name}");
        for (option, schema) in node["properties"].as_object().unwrap() {
            assert!(option == "type" || schema["description"].is_string(), "{name} {option}: {schema}");
        }
    }
}

#[test]
fn huge_intervals_are_reported_as_errors() {
    for stage in
        ["[stages.delay]\ninterval = 9223372036854775807\n", "[stages.timed_window]\ninterval = \"900y\"\n"]
    {
        let did = through(stage, "1\n");
        assert!(did.code == Some(2) && did.stderr.contains("expected a time"), "{}", did.stderr);
    }
    assert_eq!(given("[stages.buffer]\nn = 9223372036854775807\n", "1 2"), ["1", "2"]);
    for name in ["threads", "workers"] {
        let many =
            Files::new(&format!("[pool]\n{name} = 100000\n[sources.stdin]\n[sinks.stdout]\n")).run("1\n");
        let said = format!("{name}: 1024 at most");
        assert!(many.code == Some(2) && many.stderr.contains(&said), "{}", many.stderr);
    }
}
