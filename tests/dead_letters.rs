//! Dead letters are as durable as results: the letters of all records before a result that is out are in their file.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use engine::policy::DeadLetters;
use engine::{FaultPolicy, Pool, Source, sources};
use serde_json::Value;

use crate::support::pipelines::Files;
use crate::support::{Listening, engine, fed, function_of, hostile, only, plugin, posted};

/// Waits until something holds that nothing tells of.
fn wait_until(holds: impl Fn() -> bool) {
    while !holds() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// The numbers of the records in a file of dead letters.
fn numbers(letters: &str) -> BTreeSet<u64> {
    let whole = letters.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    whole.map(|letter| letter["number"].as_u64().unwrap()).collect()
}

/// Every result in the file has the letters of the records before it beside it. A record is a number, or bad if its
/// own number is a multiple of `every`, and results are one more. Returns how many letters there are.
#[track_caller]
fn check(output: &str, letters: &str, every: u64) -> usize {
    let whole = output.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let last = whole.lines().last().map_or(0, |line| line.parse::<u64>().unwrap() - 1);
    let letters = numbers(letters);
    let missing: Vec<_> =
        (1..=last / every).map(|bad| bad * every).filter(|bad| !letters.contains(bad)).collect();
    assert!(missing.is_empty(), "results up to record {last} are out, without the letters {missing:?}");
    letters.len()
}

#[cfg(unix)]
#[test]
fn a_killed_run_leaves_the_letters_before_each_result() {
    const EVERY: u64 = 97;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let line = |x: u64| if x.is_multiple_of(EVERY) { "bad\n".to_owned() } else { format!("{x}\n") };
    fs::write(path("in"), (1..=2_000_000).map(line).collect::<String>()).unwrap();
    for kill_at in [1, 300_000, 1_500_000] {
        for name in ["out", "dead"] {
            let _ = fs::remove_file(path(name));
        }
        let mut command = engine(["run", "-q", "-p"]);
        command.arg(plugin("inc")).arg("-i").arg(path("in")).arg("-o").arg(path("out"));
        command.arg(format!("--on-fault=divert={}", path("dead").display()));
        let mut run = command.spawn().unwrap();
        wait_until(|| {
            let out = fs::metadata(path("out")).map_or(0, |known| known.len());
            out >= kill_at || run_has_ended(run.id())
        });
        run.kill().unwrap();
        run.wait().unwrap();
        let letters = fs::read_to_string(path("dead")).unwrap();
        let found = check(&fs::read_to_string(path("out")).unwrap(), &letters, EVERY);
        assert!(found > 0 || kill_at == 1, "it was killed at {kill_at} bytes of output");
    }
}

/// Whether a child has ended, which nobody has waited for.
#[cfg(unix)]
fn run_has_ended(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[tokio::test]
async fn a_sink_never_sees_a_record_before_the_letters_of_earlier_ones() {
    const EVERY: u64 = 3;
    let pool = Pool::builder().threads(2).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dead.ndjson");
    let letters = DeadLetters::create(&path).unwrap();
    let inc = only::<i64, i64>(&pool, "inc").on_fault(&FaultPolicy::divert_to(&letters));
    let (source, seen) = (Source::new(), Arc::new(AtomicU64::new(0)));
    let stream = source.stream().scatter(&pool).apply(&inc).buffer(10_000).gather();
    let (file, counted) = (path.clone(), seen.clone());
    stream.sink(move |x: i64| {
        // The file is read now and then, since that takes long.
        if counted.fetch_add(1, Relaxed).is_multiple_of(50) {
            check(&format!("{x}\n"), &fs::read_to_string(&file).unwrap(), EVERY);
        }
    });
    let line = |x: u64| if x.is_multiple_of(EVERY) { "bad\n".to_owned() } else { format!("{x}\n") };
    let text: String = (1..=3000).map(line).collect();
    sources::lines(std::io::Cursor::new(text)).emit_into(&source).await.unwrap();
    source.close().await.unwrap();
    assert_eq!((seen.load(Relaxed), letters.count()), (2000, 1000));
    // They stand in the order of their records.
    let text = fs::read_to_string(path).unwrap();
    let order: Vec<_> = text.lines().map(|line| *numbers(line).first().unwrap()).collect();
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn a_bad_post_is_in_the_file_while_the_run_goes_on() {
    let files = Files::new(
        "[sources.http]\naddress = \"127.0.0.1:0\"\n[stages.scatter]\n[stages.inc]\ntype = \"map\"\n\
         plugin = \"$PLUGINS/inc.wasm\"\non_fault = { divert = \"dead.ndjson\" }\n[stages.buffer]\nn = 100\n\
         [stages.gather]\n[sinks.stdout]\n",
    );
    let mut command = files.command();
    let run = Listening::start(command.arg("--quiet").stdout(Stdio::null()));
    posted(&run.address, "/", "text/plain", "1");
    posted(&run.address, "/", "text/plain", "bad");
    wait_until(|| !numbers(&files.read("dead.ndjson")).is_empty());
    let text = files.read("dead.ndjson");
    let letter: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((&letter["number"], &letter["record"]), (&2.into(), &"bad".into()));
    assert_eq!(run.interrupt(), Some(130));
}

#[cfg(target_os = "linux")]
#[test]
fn letters_that_cannot_be_written_are_not_counted() {
    for more in [&[][..], &["--json"], &["--sequential"]] {
        let mut command = engine(["run", "--on-fault", "divert=/dev/full", "-p"]);
        command.arg(plugin("inc")).args(more);
        let did = fed(command, "1\nbad\nworse\n2\n");
        assert_eq!(did.code, Some(1), "{}", did.stderr);
        assert!(did.stderr.contains("/dev/full: No space left on device"), "{}", did.stderr);
        assert!(
            !did.stderr.contains("records put aside") && !did.stderr.contains("\"records\":2"),
            "{}",
            did.stderr
        );
    }
}

#[test]
fn faults_and_letters_name_the_node_of_a_function() {
    let stage = |name: &str, policy: &str| {
        let plugin = hostile("misdeeds");
        let plugin = plugin.display();
        format!("[stages.{name}]\ntype = \"map\"\nplugin = \"{plugin}\"\nfunction = \"fails\"\n{policy}\n")
    };
    for (before, after) in [("", ""), ("[stages.scatter]\n", "[stages.buffer]\nn = 10\n[stages.gather]\n")] {
        let divert = stage("first", "on_fault = { divert = \"dead.ndjson\" }");
        let stop = stage("second", "");
        let files = Files::new(&format!("[sources.stdin]\n{before}{divert}{stop}{after}[sinks.stdout]\n"));
        let did = files.run("a\nbad\nb\n");
        assert_eq!((did.code, &*did.stdout), (Some(1), "a\nb\n"), "{}", did.stderr);
        let letter: Value = serde_json::from_str(files.read("dead.ndjson").trim()).unwrap();
        assert_eq!((&letter["function"], &letter["node"]), (&"fails".into(), &"first".into()));
        let files = Files::new(&format!("[sources.stdin]\n{before}{stop}{after}[sinks.stdout]\n"));
        let mut command = files.command();
        command.arg("--json");
        let did = fed(command, "a\nbad\nb\n");
        let summary: Value = serde_json::from_str(did.stderr.lines().last().unwrap()).unwrap();
        assert_eq!(summary["fault"]["node"], "second", "{}", did.stderr);
        assert!(did.stderr.contains("fails (node second): "), "{}", did.stderr);
    }
    // Where the function has no other name there is nothing to tell.
    let mut command = engine(["run", "-q", "-p"]);
    command.arg(function_of(&hostile("misdeeds"), "fails"));
    let did = fed(command, "bad\n");
    assert!(did.stderr.contains("record 1: fails: "), "{}", did.stderr);
}

#[test]
fn a_line_that_was_cut_off_is_a_fault_among_letters() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dead"), "{\"record\":\"1\"}\n{\"record\":\"2\n{\"record\":\"3\"}\n")
        .unwrap();
    let file = folder.path().join("again.toml");
    fs::write(&file, "[sources.letters]\npath = \"dead\"\non_fault = \"skip\"\n[sinks.stdout]\n").unwrap();
    let mut command = engine(["run"]);
    command.arg(&file).current_dir(folder.path());
    let did = fed(command, "");
    assert_eq!((did.code, &*did.stdout), (Some(0), "1\n3\n"), "{}", did.stderr);
    assert!(
        did.stderr.contains("1 record left out, the first: record 2: letters: it is not a dead letter"),
        "{}",
        did.stderr
    );
    let inc = plugin("inc").display().to_string();
    let mut command = engine(["run", "--dead-letters", "-p", &inc, "-i", "dead", "--on-fault", "skip"]);
    command.current_dir(folder.path());
    let did = fed(command, "");
    assert_eq!((did.code, &*did.stdout), (Some(0), "2\n4\n"), "{}", did.stderr);
}
