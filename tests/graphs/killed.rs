//! Random graphs in a process of their own that is killed again and again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, thread};

use engine::checkpoint::{ResumableRun, RunEnd};
use engine::policy::DeadLetters;
use engine::{CancellationToken, FaultPolicy, Source, Stream, sinks, sources};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::part::{Part, parts};

/// Tells the process that is killed which graph it runs, and in which folder.
const GRAPH: &str = "ENGINE_TEST_GRAPH";

const ELEMENTS: i64 = 2_000;

/// The parts behind two sources, from a seed.
fn random_parts(seed: u64) -> [Vec<Part>; 2] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (one, other) = (parts(), parts()).new_tree(&mut runner).unwrap().current();
    // These take a millisecond for each element.
    let soon = |parts: Vec<Part>| parts.into_iter().filter(|part| !matches!(part, Part::RateLimit)).collect();
    [soon(one), soon(other)]
}

fn slowly(x: i64) -> i64 {
    thread::sleep(Duration::from_micros(50));
    x
}

/// The process that is killed: it does nothing in a run of all tests.
#[test]
fn child() {
    let Ok(graph) = std::env::var(GRAPH) else { return };
    let (seed, folder) = graph.split_once(' ').unwrap();
    let (parts, folder) = (random_parts(seed.parse().unwrap()), PathBuf::from(folder));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let end = runtime.block_on(run(&parts, &folder)).unwrap();
    assert_eq!(end, RunEnd::Done);
}

/// What is a fault in the first source.
const BAD: i64 = 3;

fn checked(x: i64) -> Result<i64, String> {
    if x == BAD { Err("no".to_owned()) } else { Ok(x) }
}

async fn run(parts: &[Vec<Part>; 2], folder: &Path) -> Result<RunEnd, engine::Error> {
    let sources = [(); 2].map(|()| Arc::new(Source::new()));
    let letters = DeadLetters::create(folder.join("dead"))?;
    let put = letters.clone();
    let divert = FaultPolicy::divert(move |letter| put.put(&letter, None));
    let build = |place: usize, stream: Stream<i64>| {
        parts[place].iter().fold(stream, |stream: Stream<i64>, part| part.build(stream))
    };
    let one = build(0, sources[0].stream().try_map(checked, &divert).map(slowly));
    let other = build(1, sources[1].stream().map(slowly));
    one.branch().sink(sinks::files(folder.join("one")).gzip(true));
    one.zip_ahead(other, Part::ahead(parts))
        .starmap(|a: i64, b: i64| a.wrapping_sub(b))
        .sink(sinks::files(folder.join("both")));
    let files = ["in-1", "in-2"].map(|name| sources::files([folder.join(name), folder.join("more")]));
    let [first, second] = files;
    ResumableRun::new(folder.join("checkpoint"))
        .every(Duration::from_millis(5))
        .feed("one", &sources[0], first)
        .feed("other", &sources[1], second)
        .file(folder.join("dead"), move || letters.flush())
        .run(&CancellationToken::new())
        .await
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&*bytes), &mut text).unwrap();
        return text;
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn row_14_killed_fifty_times_random_graphs_match_the_list_interpreter() {
    let mut seed = u64::from(std::process::id());
    let mut killed = 0;
    while killed < 50 {
        seed += 1;
        println!("seed {seed}");
        let folder = tempfile::tempdir().unwrap();
        let parts = random_parts(seed);
        let lines =
            |from: i64, to: i64| (from..to).map(|x| format!("{}\n", x * x % 41 - 20)).collect::<String>();
        fs::write(folder.path().join("in-1"), lines(0, ELEMENTS)).unwrap();
        fs::write(folder.path().join("in-2"), lines(7, ELEMENTS)).unwrap();
        fs::write(folder.path().join("more"), lines(3, 100)).unwrap();
        killed += finish_despite_kills(seed, folder.path());
        let numbers = |name: &str| -> Vec<i64> {
            let text = read(&folder.path().join(name)) + &read(&folder.path().join("more"));
            text.lines().map(|line| line.parse().unwrap()).collect()
        };
        let interpret =
            |place: usize, list: Vec<i64>| parts[place].iter().fold(list, |list, part| part.interpret(list));
        let good = numbers("in-1").into_iter().filter(|x| *x != BAD).collect();
        let (one, other) = (interpret(0, good), interpret(1, numbers("in-2")));
        let bad = (1_u64..).zip(numbers("in-1")).filter(|(_, x)| *x == BAD).map(|(number, _)| number);
        let letters = read(&folder.path().join("dead"));
        let letters = letters.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let put_aside: Vec<_> = letters.map(|letter| letter["number"].as_u64().unwrap()).collect();
        assert_eq!(put_aside, bad.collect::<Vec<_>>(), "{parts:?}");
        let lines = |list: Vec<i64>| list.into_iter().map(|x| format!("{x}\n")).collect::<String>();
        let both = one.iter().zip(other).map(|(a, b)| a.wrapping_sub(b)).collect();
        assert!(read(&folder.path().join("one")) == lines(one), "{parts:?}: one branch differs");
        assert!(read(&folder.path().join("both")) == lines(both), "{parts:?}: the pairs differ");
        assert!(!folder.path().join("checkpoint").exists(), "what is done needs no checkpoint");
    }
}

/// Kills it at random moments until it is done. Returns how often.
fn finish_despite_kills(seed: u64, folder: &Path) -> usize {
    let (mut killed, mut random, mut longest) = (0, seed, 300_000);
    loop {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "graphs::killed::child"])
            .env(GRAPH, format!("{seed} {}", folder.display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The random moment of the kill.
        thread::sleep(Duration::from_micros((random >> 33) % longest));
        child.kill().unwrap();
        let ended = child.wait_with_output().unwrap();
        if ended.status.success() {
            return killed;
        }
        assert_eq!(ended.status.code(), None, "{}", String::from_utf8_lossy(&ended.stdout));
        killed += 1;
        if is_done(folder) {
            return killed;
        }
        // Each run comes a little further at least.
        longest += longest / 20;
    }
}

/// Whether a killed run had removed its checkpoint, the last thing that it does. Each input has elements that are put
/// aside, and none is before the first checkpoint.
fn is_done(folder: &Path) -> bool {
    let put_aside = fs::metadata(folder.join("dead")).is_ok_and(|known| known.len() > 0);
    put_aside && !folder.join("checkpoint").exists()
}
