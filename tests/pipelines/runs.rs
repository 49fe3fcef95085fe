//! How runs of pipelines end: closed pipes, faults, interrupts, and their summaries.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use serde_json::Value;

use crate::support::pipelines::Files;
use crate::support::{Did, engine, fed, plugin};

#[test]
fn a_reader_that_goes_away_does_not_affect_other_sinks() {
    let many: String = (0..300_000).map(|x| format!("{x}\n")).collect();
    let all = "[sinks.file]\nfrom = \"stdin\"\npath = \"all\"\n";
    let command = "[sinks.process]\nfrom = \"stdin\"\ncommand = [\"head\", \"-1\"]\n";
    let files = Files::new(&format!("[sources.stdin]\n{command}{all}"));
    let Did { code, stdout, stderr } = files.run(&many);
    assert_eq!((code, &*stdout, &*stderr), (Some(0), "0\n", ""));
    assert!(files.read("all") == many, "{} bytes", files.read("all").len());
    // The same for stdout.
    let files = Files::new(&format!("[sources.stdin]\n[sinks.stdout]\n{all}"));
    files.write("in", &many);
    let mut command = files.command();
    command.stdin(fs::File::open(files.path("in")).unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut begin = [0; 4];
    child.stdout.take().unwrap().read_exact(&mut begin).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), &b""[..]));
    assert!(files.read("all") == many, "{} bytes", files.read("all").len());
}

#[test]
fn stdout_may_be_an_input_file() {
    let files = Files::new("[sources.files]\npath = \"kept\"\n[sinks.stdout]\n");
    files.write("kept", "precious\n");
    let stdout = fs::File::options().append(true).open(files.path("kept")).unwrap();
    let ended = files.command().stdout(stdout).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(2) && said.contains("is read, and stdout goes there too"), "{said}");
    assert_eq!(files.read("kept"), "precious\n");
}

#[test]
fn devices_may_be_shared_by_nodes() {
    let nothing = "type = \"file\"\npath = \"/dev/null\"\nfrom = \"files\"\n";
    let files = Files::new(&format!(
        "[sources.files]\npath = \"/dev/null\"\n[sinks.one]\n{nothing}[sinks.other]\n{nothing}"
    ));
    let Did { code, stdout, stderr } = files.run("");
    assert_eq!((code, &*stdout, &*stderr), (Some(0), "", ""));
}

const PLUCKING: &str =
    "[sources.stdin]\n[stages.pluck]\nkey = \"x\"\non_fault = { divert = \"dead\" }\n[sinks.stdout]\n";

#[test]
fn dead_letters_stay_until_read_and_can_be_a_source() {
    let files = Files::new(PLUCKING);
    assert_eq!(files.run("{\"x\":1}\n{\"y\":2}\n").code, Some(1));
    assert_eq!(files.run("{\"z\":3}\n").code, Some(1));
    // A run without faults leaves them there.
    assert_eq!(files.run("{\"x\":1}\n").code, Some(0));
    files.write("pipeline.toml", "[sources.letters]\npath = \"dead\"\n[sinks.stdout]\n");
    let Did { code, stdout, stderr } = files.run("");
    assert_eq!((code, &*stdout, &*stderr), (Some(0), "{\"y\":2}\n{\"z\":3}\n", ""));
    // A truncated last line does no harm.
    files.write("pipeline.toml", PLUCKING);
    files.write("dead", "{\"number\":1,\"mess");
    assert_eq!(files.run("{}\n").code, Some(1));
    let lines: Vec<_> = files.read("dead").lines().map(str::to_owned).collect();
    assert!(lines.len() == 2 && serde_json::from_str::<Value>(&lines[1]).is_ok(), "{lines:?}");
    files.write("pipeline.toml", "[sources.letters]\npath = \"dead\"\n[sinks.stdout]\n");
    files.write("dead", "1\n");
    let Did { code, stderr, .. } = files.run("");
    assert!(code == Some(1) && stderr.contains("expected a dead letter"), "{stderr}");
}

#[test]
fn the_json_summary_is_one_object() {
    let told = |pipeline: &str, input: &str| {
        let files = Files::new(pipeline);
        let mut command = files.command();
        command.arg("--json");
        let did = fed(command, input);
        let told: Value = serde_json::from_str(&did.stderr).unwrap_or_else(|_| panic!("{}", did.stderr));
        (did.code, told)
    };
    let (code, told_of) = told(PLUCKING, "{\"x\":1}\n{}\n");
    assert_eq!((code, &told_of["ended"], &told_of["error"]), (Some(1), &"done".into(), &Value::Null));
    assert_eq!(told_of["put_aside"][0]["records"], 1);
    assert!(told_of["put_aside"][0]["file"].as_str().unwrap().ends_with("dead"), "{told_of}");
    let (code, told_of) = told(&PLUCKING.replace("{ divert = \"dead\" }", "\"skip\""), "{}\n");
    assert_eq!((code, &told_of["left_out"], &told_of["fault"]["record"]), (Some(0), &1.into(), &1.into()));
    let (code, told_of) = told(&PLUCKING.replace("{ divert = \"dead\" }", "\"stop\""), "{}\n");
    assert_eq!((code, &told_of["ended"]), (Some(1), &"failed".into()));
    assert!(told_of["error"].as_str().unwrap().starts_with("record 1: pluck: "), "{told_of}");
}

#[test]
fn flags_that_belong_in_the_pipeline_file_are_refused() {
    let files = Files::new("[sources.stdin]\n[sinks.stdout]\n");
    for (more, said) in [
        (&["--dead-letters"][..], "--dead-letters can't be used with a pipeline file: set it in "),
        (&["-t", "2"], "--threads can't be used with a pipeline file"),
        (&["other.toml"], "is a pipeline file, which takes no other arguments"),
    ] {
        let mut command = files.command();
        let ended = command.args(more).output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.code() == Some(2) && told.contains(said), "{told}");
    }
    let inc = plugin("inc").display().to_string();
    let alone = fed(engine(["run", &inc]), "");
    assert!(
        alone.stderr.contains(&format!("unexpected argument {inc}: write --plugin {inc}")),
        "{}",
        alone.stderr
    );
}

#[test]
fn joins_accept_literals_as_inputs() {
    let given = |stage: &str| Files::new(&format!("[sources.stdin]\n{stage}\n[sinks.stdout]\n")).run("a\n");
    let latest = given("[stages.zip_latest]\nfrom = [\"stdin\", { literal = 2 }]");
    assert_eq!((latest.code, &*latest.stdout), (Some(0), "[\"a\",2]\n"), "{}", latest.stderr);
    let combined = given("[stages.combine_latest]\nfrom = [{ literal = 2 }, \"stdin\"]\nemit_on = \"stdin\"");
    assert_eq!((combined.code, &*combined.stdout), (Some(0), "[2,\"a\"]\n"), "{}", combined.stderr);
    for (stage, said) in [
        (
            "[stages.zip_latest]\nfrom = [{ literal = 2 }, \"stdin\"]",
            "a literal can't be the first input here",
        ),
        ("[stages.union]\nfrom = [{ literal = 2 }, \"stdin\"]", "a literal can't be an input here"),
    ] {
        let refused = given(stage);
        assert!(refused.code == Some(2) && refused.stderr.contains(said), "{}", refused.stderr);
    }
}

#[test]
fn collect_is_flushed_by_another_node() {
    let pipeline = "[sources.stdin]\nformat = \"json\"\n[stages.odd]\ntype = \"partition\"\nn = 3\nfrom = \"stdin\"\n\
                    [stages.collect]\nmost = 100\nfrom = [\"stdin\", \"odd\"]\n[sinks.stdout]\n";
    let Did { code, stdout, stderr } = Files::new(pipeline).run("1\n2\n3\n4\n5\n6\n7\n");
    // The rest comes at the end; then the last flush finds nothing.
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert_eq!(stdout, "[1,2]\n[3,4,5]\n[6,7]\n");
}

#[test]
fn deadlocked_branches_end_the_run_and_name_the_node() {
    let pipeline = "[sources.stdin]\n[stages.a]\ntype = \"buffer\"\nn = 4\n[stages.b]\ntype = \"slice\"\nstart = \
                    40\nfrom = \"stdin\"\n[stages.pairs]\ntype = \"zip\"\nfrom = [\"a\", \"b\"]\n[sinks.stdout]\n";
    let many: String = (0..200).map(|x| format!("{x}\n")).collect();
    let Did { code, stderr, .. } = Files::new(pipeline).run(many);
    assert!(
        code == Some(1) && stderr.starts_with("engine: pairs: branches of one source deadlocked"),
        "{stderr}"
    );
}

#[test]
fn faults_name_the_file_of_their_record() {
    let pipeline = |kind: &str| {
        format!(
            "[sources.{kind}]\npath = [\"a\", \"b\"]\n[stages.pluck]\nkey = \"x\"\non_fault = POLICY\n[sinks.stdout]\n"
        )
    };
    let run = |kind: &str, policy: &str, (a, b): (&str, &str)| {
        let files = Files::new(&pipeline(kind).replace("POLICY", policy));
        files.write("a", a);
        files.write("b", b);
        let did = files.run("");
        (did.stderr, files)
    };
    let lines = ("{\"x\":1}\n", "{\"x\":2}\n{\"y\":3}\n");
    let (told, _) = run("files", "\"stop\"", lines);
    assert!(told.starts_with("engine: record 3 (") && told.contains("/b, line 2): pluck: "), "{told}");
    let rows = ("x\n1\n", "y\n2\n");
    let (told, _) = run("csv", "\"skip\"", rows);
    assert!(
        told.contains("1 record left out, the first: record 2 (") && told.contains("/b, row 1)"),
        "{told}"
    );
    let (_, files) = run("files", "{ divert = \"dead\" }", lines);
    let letter: Value = serde_json::from_str(&files.read("dead")).unwrap();
    assert!(letter["input"].as_str().unwrap().ends_with("/b"), "{letter}");
    assert_eq!(letter["line"], 2);
}

#[test]
fn an_address_in_use_leaves_outputs_untouched() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for kind in ["http", "tcp"] {
        let files = Files::new(&format!(
            "[sources.{kind}]\naddress = \"{address}\"\n[sinks.file]\npath = \"kept\"\n"
        ));
        files.write("kept", "precious\n");
        let Did { code, stderr, .. } = files.run("");
        assert!(code == Some(1) && stderr.contains(&address.to_string()), "{stderr}");
        assert_eq!(files.read("kept"), "precious\n");
    }
}

#[test]
fn a_folder_may_hold_inputs_and_outputs() {
    let files = Files::new(
        "[sources.folder]\npath = \".\"\nnames = \"*.log\"\nonce = true\n[sinks.file]\npath = \"out.txt\"\n",
    );
    files.write("a.log", "1\n");
    let Did { code, stderr, .. } = files.run("");
    assert_eq!((code, &*stderr, &*files.read("out.txt")), (Some(0), "", "1\n"));
    files.write("pipeline.toml", files.read("pipeline.toml").replace("out.txt", "out.log"));
    let Did { code, stderr, .. } = files.run("");
    assert!(code == Some(2) && stderr.contains("such files of that folder are read"), "{stderr}");
}
