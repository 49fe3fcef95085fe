//! Pipeline files: what nodes do with records, and how runs behave.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine::pipeline::Pipeline;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Did, Listening, engine, fed, hostile, plugin, posted};

/// A folder with a pipeline file, in which `$PLUGINS` and `$HOSTILE` stand for the folders of test plugins.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new(pipeline: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        let folder = |of: PathBuf| of.parent().unwrap().display().to_string();
        let text = pipeline.replace("$PLUGINS", &folder(plugin("inc")));
        files.write("pipeline.toml", text.replace("$HOSTILE", &folder(hostile("misdeeds"))));
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The command that runs the pipeline.
    pub(crate) fn command(&self) -> Command {
        engine(["run".as_ref(), self.path("pipeline.toml").as_os_str()])
    }

    /// Runs it.
    pub(crate) fn run(&self, input: impl AsRef<[u8]>) -> Did {
        fed(self.command(), input)
    }
}

/// Runs `stages` between stdin and stdout.
#[track_caller]
fn through(stages: &str, input: &str) -> Did {
    Files::new(&format!("[sources.stdin]\n{stages}\n[sinks.stdout]\n")).run(input)
}

/// The output lines. The run must succeed.
#[track_caller]
fn given(stages: &str, input: &str) -> Vec<String> {
    let Did { code, stdout, stderr } = through(stages, &input.replace(' ', "\n"));
    assert_eq!((code, &*stderr), (Some(0), ""));
    stdout.lines().map(str::to_owned).collect()
}

#[test]
fn grouping_nodes_emit_arrays() {
    assert_eq!(given("[stages.partition]\nn = 2", "a b c"), [r#"["a","b"]"#, r#"["c"]"#]);
    let json = "[sources.in]\ntype = \"stdin\"\nformat = \"json\"\n";
    let by_key = format!("{json}[stages.partition]\nn = 2\nkey = \"k\"\n[sinks.stdout]\n");
    let did = Files::new(&by_key).run("{\"k\":1,\"x\":0}\n{\"k\":2}\n{\"k\":1}\n");
    assert_eq!(did.stdout, "[{\"k\":1,\"x\":0},{\"k\":1}]\n[{\"k\":2}]\n");
    let unique = "[stages.partition_unique]\nn = 3\n";
    let unquoted =
        |lines: Vec<String>| lines.into_iter().map(|line| line.replace('"', "")).collect::<Vec<_>>();
    assert_eq!(unquoted(given(unique, "1 2 1 3 1 3 3 2")), ["[1,2,3]", "[1,3,2]"]);
    let last = format!("{unique}keep = \"last\"");
    assert_eq!(unquoted(given(&last, "1 2 1 3 1 3 3 2")), ["[2,1,3]", "[1,3,2]"]);
    let windows = "[stages.sliding_window]\nn = 2\n";
    assert_eq!(unquoted(given(windows, "a b c")), ["[a,b]", "[b,c]"]);
    let partial = format!("{windows}return_partial = true");
    assert_eq!(unquoted(given(&partial, "a b")), ["[a]", "[a,b]"]);
    assert_eq!(unquoted(given("[stages.collect]\nmost = 9", "a b c")), ["[a,b,c]"]);
}

#[test]
fn flatten_undoes_partition() {
    let stages = "[stages.partition]\nn = 2\n[stages.flatten]";
    let lines = ["a", "\"quoted\" \\ text", "", "[1]", "é"];
    let did = through(stages, &lines.map(|line| format!("{line}\n")).concat());
    assert_eq!(did.stdout.lines().collect::<Vec<_>>(), lines, "{}", did.stderr);
    let twice = "[stages.partition]\nn = 2\n[stages.again]\ntype = \"partition\"\nn = 2\n[stages.flatten]\n\
                 [stages.flat]\ntype = \"flatten\"";
    assert_eq!(given(twice, "a b c"), ["a", "b", "c"]);
}

#[test]
fn pluck_and_flatten_keep_bytes() {
    let pluck = |key: &str| format!("[stages.pluck]\nkey = {key}");
    let record = "{\"a\":{\"b\":[1.0,2e3]},\"z\":null}";
    assert_eq!(given(&pluck("\"a\""), record), ["{\"b\":[1.0,2e3]}"]);
    assert_eq!(given(&pluck("\"/a/b/1\""), record), ["2e3"]);
    assert_eq!(given(&pluck("[\"z\", \"a\"]"), record), ["[null,{\"b\":[1.0,2e3]}]"]);
    assert_eq!(given(&pluck("1"), "[5,6]"), ["6"]);
    assert_eq!(given("[stages.flatten]", "[1,[2],\"x\"] [] [3]"), ["1", "[2]", "\"x\"", "3"]);
}

#[test]
fn slice_filter_and_unique_select_records() {
    assert_eq!(given("[stages.slice]\nstart = 1\nend = 5\nstep = 2", "a b c d e f"), ["b", "d"]);
    assert_eq!(given("[stages.sample]\nn = 2", "a b c d e"), ["a", "c", "e"]);
    assert_eq!(given("[stages.scatter]\n[stages.sample]\nn = 3\n[stages.gather]", "a b c d"), ["a", "d"]);
    assert_eq!(given("[stages.sample]\nevery = \"1h\"", "a b c"), ["a"]);
    assert_eq!(given("[stages.filter]", "0 1 null a false {} [] \"\" x"), ["1", "a", "x"]);
    assert_eq!(given("[stages.unique]\nmaxsize = 2", "a b a c b"), ["a", "b", "c", "b"]);
    let by_key = "[stages.unique]\nmaxsize = 9\nkey = \"k\"";
    assert_eq!(given(by_key, "{\"k\":1} {\"k\":1,\"x\":2}"), ["{\"k\":1}"]);
    let counts = given("[stages.frequencies]", "a b a");
    assert_eq!(counts, ["{\"a\":1}", "{\"a\":1,\"b\":1}", "{\"a\":2,\"b\":1}"]);
}

#[test]
fn timing_nodes_change_no_records() {
    let stages = "[stages.delay]\ninterval = \"1ms\"\n[stages.rate_limit]\ninterval = 0.001\n[stages.buffer]\nn = 2\n\
                  [stages.latest]\n[stages.timed_window]\ninterval = \"1h\"\n[stages.flatten]";
    // `latest` may drop all but the newest record, and never the last one.
    assert_eq!(given(stages, "a b c").last().map(String::as_str), Some("c"));
}

#[test]
fn functions_run_locally_or_on_the_pool() {
    let inc = "[stages.inc]\ntype = \"map\"\nplugin = \"$PLUGINS/inc.wasm\"\n";
    assert_eq!(given(inc, "1 2"), ["2", "3"]);
    let scattered = format!("[stages.scatter]\n{inc}[stages.buffer]\nn = 8\n[stages.gather]\n");
    assert_eq!(given(&scattered, "1 2"), ["2", "3"]);
    let words = "[stages.flat_map]\nplugin = \"$PLUGINS/words.wasm\"\nfunction = \"words\"\n\
                 [stages.filter]\nplugin = \"$PLUGINS/words.wasm\"\nfunction = \"long\"\nargs = { letters = 3 }\n";
    let did = through(words, "be brief\nor not\n");
    assert_eq!(did.stdout, "brief\nnot\n", "{}", did.stderr);
}

#[test]
fn remove_drops_what_filter_keeps() {
    let long = |stage: &str| {
        format!(
            "[stages.{stage}]\nplugin = \"$PLUGINS/words.wasm\"\nfunction = \"long\"\nargs = {{ letters = 3 }}\n"
        )
    };
    assert_eq!(given(&long("filter"), "a long or short"), ["long", "short"]);
    assert_eq!(given(&long("remove"), "a long or short"), ["a", "or"]);
    assert_eq!(given(&long("remove"), "longer words"), [""; 0]);
    let scattered = format!("[stages.scatter]\n{}[stages.buffer]\nn = 9\n[stages.gather]\n", long("remove"));
    assert_eq!(given(&scattered, "a long or short"), ["a", "or"]);
}

#[test]
fn accumulators_keep_one_state_or_one_per_key() {
    let stage = |function: &str, more: &str| {
        format!(
            "[stages.accumulate]\nplugin = \"$HOSTILE/misdeeds.wasm\"\nfunction = \"{function}\"\n{more}\n"
        )
    };
    assert_eq!(given(&stage("product", ""), "2 3 4"), ["2", "6", "24"]);
    let scattered =
        format!("[stages.scatter]\n{}[stages.buffer]\nn = 9\n[stages.gather]", stage("product", ""));
    assert_eq!(given(&scattered, "2 3 4"), ["2", "6", "24"]);
    let counted = given(&stage("numbered", "key = \"/k/0\""), "{\"k\":[1]} {\"k\":[2]} {\"k\":[1,0]}");
    assert_eq!(counted, ["1:{\"k\":[1]}", "1:{\"k\":[2]}", "2:{\"k\":[1,0]}"]);
}

#[test]
fn nodes_between_scattered_functions_see_records_in_order() {
    let inc = |name: &str| format!("[stages.{name}]\ntype = \"map\"\nplugin = \"$PLUGINS/inc.wasm\"\n");
    let stages = format!(
        "[stages.scatter]\n{}[stages.slice]\nstep = 2\n{}[stages.partition]\nn = 2\n[stages.buffer]\nn = 16\n[stages.gather]",
        inc("first"),
        inc("second")
    );
    let numbers: Vec<_> = (0..100).map(|x: i64| x.to_string()).collect();
    let pairs: Vec<_> = (0..25).map(|x| format!("[{},{}]", 4 * x + 2, 4 * x + 4)).collect();
    assert_eq!(given(&stages, &numbers.join(" ")), pairs);
}

#[test]
fn joins_combine_streams() {
    let two = |stage: &str| {
        let files = Files::new(&format!(
            "[sources.a]\ntype = \"files\"\npath = \"a\"\n[sources.b]\ntype = \"files\"\npath = \"b\"\n\
             [stages.both]\n{stage}\n[sinks.stdout]\n"
        ));
        files.write("a", "1\n2\n");
        files.write("b", "x\ny\n");
        let Did { code, stdout, stderr } = files.run("");
        assert_eq!((code, &*stderr), (Some(0), ""));
        let mut lines: Vec<_> = stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(two("type = \"union\"\nfrom = [\"a\", \"b\"]"), ["1", "2", "x", "y"]);
    let zip = "type = \"zip\"\nfrom = [\"b\", { literal = { k = 1 } }, \"a\"]";
    assert_eq!(two(zip), [r#"["x",{"k":1},"1"]"#, r#"["y",{"k":1},"2"]"#]);
    let last = two("type = \"combine_latest\"\nfrom = [\"a\", \"b\"]\nemit_on = \"b\"");
    assert!(last.len() <= 2 && last.iter().all(|pair| pair.contains(['x', 'y'])), "{last:?}");
    assert!(two("type = \"zip_latest\"\nfrom = [\"a\", \"b\"]").len() <= 2);
}

#[test]
fn a_stream_may_feed_several_sinks() {
    let files = Files::new(
        "[sources.stdin]\n[sinks.all]\ntype = \"file\"\npath = \"all\"\n[stages.slice]\nend = 1\n\
         [sinks.first]\ntype = \"file\"\npath = \"first\"\nappend = true\n",
    );
    files.write("first", "before\n");
    files.write("all", "before\n");
    assert_eq!(files.run("a\nb\n").code, Some(0));
    assert_eq!((files.read("all"), files.read("first")), ("a\nb\n".into(), "before\na\n".into()));
}

#[test]
fn each_stage_has_its_own_policy() {
    let files = Files::new(
        "[faults]\non_fault = \"skip\"\n[sources.stdin]\n\
         [stages.inc]\ntype = \"map\"\nplugin = \"$PLUGINS/inc.wasm\"\n\
         [stages.pluck]\nkey = \"x\"\non_fault = { divert = \"dead\" }\n[sinks.stdout]\n",
    );
    let did = files.run("one\n7\n");
    assert_eq!((did.code, &*did.stdout), (Some(1), ""));
    assert!(did.stderr.contains("1 record put aside in"), "{}", did.stderr);
    let letter: Value = serde_json::from_str(&files.read("dead")).unwrap();
    assert_eq!(
        (&letter["number"], &letter["function"], &letter["record"]),
        (&2.into(), &"pluck".into(), &"8".into())
    );
}

#[test]
fn a_fault_ends_the_run_naming_its_stage() {
    let did = through(
        "[stages.user]\ntype = \"pluck\"\nkey = \"user\"",
        "{\"user\":1}\n{\"usr\":2}\n{\"user\":3}\n",
    );
    let line = "engine: record 2: user: \"{\\\"usr\\\":2}\" has no field \"user\"\n";
    assert_eq!((did.code, &*did.stdout, &*did.stderr), (Some(1), "1\n", line));
}

#[test]
fn limits_apply_per_stage() {
    let did = through(
        "[limits]\ntimeout = \"10m\"\n[stages.map]\nplugin = \"$HOSTILE/misdeeds.wasm\"\nfunction = \"sleeps\"\ntimeout = \"50ms\"",
        "1000000\n",
    );
    assert_eq!((did.code, &*did.stderr), (Some(1), "engine: record 1: sleeps: took longer than 50ms\n"));
}

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

#[test]
fn an_invalid_pipeline_leaves_outputs_untouched() {
    let files = Files::new(
        "[sources.stdin]\n[sinks.file]\npath = \"out\"\n[sinks.other]\ntype = \"file\"\npath = \"no/where\"\n",
    );
    files.write("out", "before\n");
    let did = files.run("a\n");
    assert_eq!((did.code, files.read("out")), (Some(2), "before\n".into()));
}

#[test]
fn csv_tables_are_read_and_written() {
    let files = Files::new(
        "[sources.csv]\npath = \"in.csv\"\ninfer = true\ndelimiter = \";\"\non_fault = { divert = \"dead\" }\n\
         [sinks.csv_out]\ntype = \"csv\"\npath = \"out.csv\"\ncolumns = [\"b\", \"a\"]\n\
         [sinks.stdout]\n",
    );
    files.write("in.csv", "a;b\n1;x\n2\n3;\"y;z\"\n");
    let did = files.run("");
    assert_eq!((did.code, &*did.stdout), (Some(1), "{\"a\":1,\"b\":\"x\"}\n{\"a\":3,\"b\":\"y;z\"}\n"));
    assert_eq!(files.read("out.csv"), "b,a\nx,1\ny;z,3\n");
    assert!(files.read("dead").contains("\"record\":\"2\""), "{}", files.read("dead"));
    let ndjson = Files::new("[sources.ndjson]\non_fault = \"skip\"\n[sinks.stdout]\nnull = true\n");
    assert_eq!(ndjson.run("{\"a\": 1}\nno\n2\n").stdout, "{\"a\": 1}\x002\x00");
}

#[test]
fn files_of_all_kinds_are_read() {
    let files =
        Files::new("[sources.folder]\npath = \"in\"\nnames = \"*.log\"\nonce = true\n[sinks.stdout]\n");
    fs::create_dir(files.path("in")).unwrap();
    files.write("in/b.log", "3\n");
    files.write("in/a.log", "1\n2");
    files.write("in/c.txt", "4\n");
    assert_eq!(files.run("").stdout, "1\n2\n3\n");
    let files = Files::new(
        "[sources.stdin]\n[sinks.file]\npath = \"out\"\nrotate_at = \"4B\"\nkeep = 1\n\
         [sinks.packed]\ntype = \"file\"\npath = \"out.gz\"\ngzip = true\n",
    );
    assert_eq!(files.run("1\n2\n3\n4\n5\n").code, Some(0));
    assert_eq!((files.read("out"), files.read("out.1")), ("5\n".into(), "3\n4\n".into()));
    let packed = format!("[sources.files]\npath = \"{}\"\n[sinks.stdout]\n", files.path("out.gz").display());
    assert_eq!(Files::new(&packed).run("").stdout, "1\n2\n3\n4\n5\n");
}

#[test]
fn processes_and_periodic_sources_work() {
    let files = Files::new(
        "[sources.process]\ncommand = [\"printf\", \"2\\\\n1\\\\n\"]\n\
         [sinks.sort]\ntype = \"process\"\ncommand = [\"sort\", \"-o\", \"sorted\"]\n",
    );
    let did = files.run("");
    assert_eq!((did.code, files.read("sorted")), (Some(0), "1\n2\n".into()), "{}", did.stderr);
    let clock = "[sources.periodic]\ninterval = \"1ms\"\ntimes = 3\n[sinks.stdout]\n";
    assert_eq!(Files::new(clock).run("").stdout, "0\n1\n2\n");
    let value = "[sources.periodic]\ninterval = \"1ms\"\ntimes = 2\nvalue = { a = [1] }\n[sinks.stdout]\n";
    assert_eq!(Files::new(value).run("").stdout, "{\"a\":[1]}\n{\"a\":[1]}\n");
}

#[test]
fn a_source_counts_to_its_end_or_until_the_run_is_stopped() {
    let count = |options: &str| {
        Files::new(&format!("[sources.count]\n{options}\n[stages.slice]\nend = 4\n[sinks.stdout]\n"))
    };
    assert_eq!(count("start = 3\nend = 12\nstep = 4").run("").stdout, "3\n7\n11\n");
    assert_eq!(count("end = 3\nevery = \"1ms\"").run("").stdout, "0\n1\n2\n");
    assert_eq!(count("start = 3\nend = 3").run("").stdout, "");
    let many = Files::new("[sources.count]\nend = 100000\nstep = 1\n[sinks.file]\npath = \"out\"\n");
    assert_eq!(many.run("").code, Some(0));
    let expected: String = (0..100_000).map(|number| format!("{number}\n")).collect();
    assert_eq!(many.read("out"), expected);
}

#[test]
fn posted_records_are_accepted_and_written() {
    let files = Files::new(
        "[sources.http]\naddress = \"127.0.0.1:0\"\npath = \"/events\"\nformat = \"json\"\n\
         [stages.pluck]\nkey = \"user\"\n[sinks.file]\npath = \"out\"\n",
    );
    let run = Listening::start(&mut files.command());
    for user in 1..=3 {
        let body = format!("{{\"user\":{user}}}");
        let answer = posted(&run.address, "/events", "application/json", &body);
        assert!(answer.starts_with("HTTP/1.0 202"), "{answer}");
    }
    assert_eq!(run.interrupt(), Some(130));
    assert_eq!(files.read("out"), "1\n2\n3\n");
}

#[test]
fn pipelines_exchange_lines_over_tcp_and_http() {
    let lines = "1\n2\n3\n";
    for (source, sink) in [
        ("tcp", "[sinks.tcp]\naddress = \"$AT\"\n"),
        (
            "http",
            "[sinks.http]\nurl = \"http://$AT/\"\nbatch = 2\nheaders = { content-type = \"application/x-ndjson\" }\n",
        ),
    ] {
        let taker = Files::new(&format!(
            "[sources.{source}]\naddress = \"127.0.0.1:0\"\n[sinks.file]\npath = \"out\"\n"
        ));
        let run = Listening::start(&mut taker.command());
        let giver = Files::new(&format!("[sources.stdin]\n{}", sink.replace("$AT", &run.address)));
        let did = giver.run(lines);
        assert_eq!((did.code, &*did.stderr), (Some(0), ""), "{source}");
        // TCP has no sign that all was read: wait until it is written.
        while fs::read_to_string(taker.path("out")).unwrap_or_default() != lines {
            std::thread::yield_now();
        }
        assert_eq!(run.interrupt(), Some(130), "{source}");
        assert_eq!(taker.read("out"), lines, "{source}");
    }
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

/// Expects an error, and that the file `kept` stays untouched.
#[track_caller]
fn refused(pipeline: &str, kept: &str, mistake: &str) {
    let files = Files::new(pipeline);
    files.write("kept", "precious\n");
    fs::create_dir(files.path("d")).unwrap();
    fs::hard_link(files.path("kept"), files.path("linked")).unwrap();
    fs::copy(plugin("inc"), files.path("inc.wasm")).unwrap();
    let before = fs::read(files.path(kept)).unwrap();
    let did = files.run("1\n");
    assert_eq!(did.code, Some(2), "{}", did.stderr);
    assert!(did.stderr.contains(mistake), "{}", did.stderr);
    assert_eq!(fs::read(files.path(kept)).unwrap(), before);
}

#[test]
fn no_node_overwrites_a_file_another_one_needs() {
    let sink = |path: &str| format!("[sources.stdin]\n[sinks.file]\npath = \"{path}\"\n");
    let source = "[sources.b]\ntype = \"files\"\npath = \"kept\"\n[sinks.stdout]\n";
    refused(&format!("{}{source}", sink("kept")), "kept", "another node writes there");
    refused(&format!("{}{source}", sink("d/../kept")), "kept", "another node writes there");
    refused(&format!("{}{source}", sink("linked")), "kept", "another node writes there");
    refused(&sink("pipeline.toml"), "pipeline.toml", "it is read too");
    let map = "[stages.map]\nplugin = \"inc.wasm\"\n[sinks.stdout]\n";
    refused(&format!("{}{map}", sink("inc.wasm")), "inc.wasm", "another node writes there");
    let twice = format!("{}[sinks.other]\ntype = \"file\"\npath = \"d/../new\"\n", sink("new"));
    refused(&twice, "kept", "another node writes there");
    let rotating = |path: &str| {
        format!("[sources.stdin]\n[sinks.file]\npath = \"{path}\"\nrotate_at = \"4B\"\nkeep = 2\n")
    };
    let older = "[sinks.other]\ntype = \"file\"\npath = \"log.1\"\n";
    refused(&format!("{}{older}", rotating("log")), "kept", "another node writes there");
    let folder = "[sources.folder]\npath = \"d\"\n[sinks.file]\npath = \"d/out\"\n";
    refused(folder, "kept", "such files of that folder are read");
    let process =
        "[sources.stdin]\n[sinks.process]\ncommand = [\"no-such-program\"]\n[sinks.file]\npath = \"kept\"\n";
    refused(process, "kept", "there is no program no-such-program");
}

#[test]
fn stdin_may_be_an_output_file() {
    let files = Files::new("[sources.stdin]\n[sinks.file]\npath = \"kept\"\n");
    files.write("kept", "precious\n");
    let stdin = fs::File::open(files.path("kept")).unwrap();
    let output = files.command().stdin(stdin).output().unwrap();
    assert_eq!((output.status.code(), files.read("kept")), (Some(2), "precious\n".into()));
}

#[test]
fn outputs_are_truncated_only_if_all_can_be_written() {
    let files = Files::new(
        "[sources.stdin]\n[sinks.file]\npath = \"kept\"\n[sinks.other]\ntype = \"file\"\npath = \"/proc/none\"\n",
    );
    files.write("kept", "precious\n");
    let did = files.run("1\n");
    assert!(did.code != Some(0) && did.stderr.contains("/proc/none"), "{}", did.stderr);
    assert_eq!(files.read("kept"), "precious\n");
}

#[test]
fn nodes_may_share_a_dead_letter_file_and_all_are_counted() {
    let pluck = |name: &str, path: &str| {
        format!(
            "[stages.{name}]\ntype = \"pluck\"\nkey = \"x\"\nfrom = \"stdin\"\non_fault = {{ divert = \"{path}\" }}\n[sinks.{name}_out]\ntype = \"stdout\"\n"
        )
    };
    let two = |one: &str, other: &str| {
        let files = Files::new(&format!("[sources.stdin]\n{}{}", pluck("a", one), pluck("b", other)));
        fs::create_dir(files.path("d")).unwrap();
        let did = files.run("{}\n{}\n");
        assert_eq!(did.code, Some(1), "{}", did.stderr);
        (files, did.stderr)
    };
    let (files, _) = two("dead", "d/../dead");
    assert_eq!(files.read("dead").lines().count(), 4);
    let (files, told) = two("one", "other");
    assert_eq!((files.read("one").lines().count(), files.read("other").lines().count()), (2, 2));
    assert!(told.contains("/one\n") && told.contains("/other\n"), "{told}");
}

#[test]
fn a_command_that_stops_reading_ends_the_run_quietly() {
    let files = Files::new("[sources.stdin]\n[sinks.process]\ncommand = [\"head\", \"-1\"]\n");
    let many: String = (0..1_000_000).map(|x| format!("{x}\n")).collect();
    let Did { code, stdout, stderr } = files.run(many);
    assert_eq!((code, &*stdout, &*stderr), (Some(0), "0\n", ""));
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
