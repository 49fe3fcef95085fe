//! Random sequences of host calls: the guest stays within its limits, its neighbours stay correct, and nothing leaks.
//!
//! The plugin `calls` does what a record says, a byte for each call and each operand. Random records are random
//! sequences: a thousand of them, or as many as `ENGINE_SEQUENCES` says.

use std::io::Cursor;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use engine::function::{Isolation, Usage};
use engine::plugin::Output;
use engine::{Capability, Cause, Function, Monitor, Plugin, Pool, Resource, Source, sources};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{divert_to_list, hostile, misbehaving, ran, runner};

/// The bytes of some calls.
const GOES_BACK: u8 = 4;
const GIVES_BACK: u8 = 5;
const DRAWS: u8 = 12;
const ASKS_THE_COMMAND_LINE: u8 = 13;
const HANDS_OVER_WHAT_IS_NOT_ITS: u8 = 14;
const WAITS_FOR: u8 = 17;
const BLOCKS: u8 = 19;
const WRITES: u8 = 25;
const WRITES_ZEROES: u8 = 28;

/// Operands: the stream for messages, 65,537 bytes, and going back without end.
const STDERR: u8 = 8;
const TOO_MANY: u8 = 8;
const WITHOUT_END: u8 = 15;

#[tokio::test]
async fn exceeded_guest_limits_are_named() {
    let pool = Pool::builder().threads(1).build().unwrap();
    let calls = pool.blocking_load(hostile("calls")).unwrap().function::<Vec<u8>, String>("calls").unwrap();
    let cause = async |program: &[u8]| {
        let (policy, letters) = divert_to_list();
        let (_, ended) = ran([program.to_vec()], |records| records.map(&calls.on_fault(&policy))).await;
        ended.unwrap();
        letters.read().remove(0).fault.cause
    };
    let exceeded = |resource, limit| Cause::LimitExceeded { resource, limit };
    // Two handles each: the timer and its pollable.
    let handles = cause(&[WAITS_FOR, 0, GOES_BACK, WITHOUT_END]).await;
    assert_eq!(handles, exceeded(Resource::Handles, 1000));
    assert_eq!(handles.to_string(), "held more than 1000 handles");
    for kind in [0, 1] {
        let random = cause(&[DRAWS, kind, TOO_MANY]).await;
        assert_eq!(random, exceeded(Resource::RandomBytes, 64 << 10));
        assert_eq!(random.to_string(), "asked for more than 64.0 KiB of random bytes at once");
    }
    let forbidden = "broke the plugin contract: it made a host call that WASI forbids, or one that hands over more than 144.0 MiB";
    let without_permit = [ASKS_THE_COMMAND_LINE, STDERR, WRITES_ZEROES, 0, 0, TOO_MANY];
    let (last, longest) = (3, 3);
    let beyond_its_memory = [HANDS_OVER_WHAT_IS_NOT_ITS, last, longest, 0];
    let a_mebibyte = 9;
    let at_once = [ASKS_THE_COMMAND_LINE, STDERR, WRITES, 0, 1, a_mebibyte];
    for program in [&without_permit[..], &at_once, &beyond_its_memory] {
        assert_eq!(cause(program).await.to_string(), forbidden);
    }
}

#[tokio::test]
async fn waiting_counts_towards_the_timeout_however_often_it_wakes() {
    let pool = Pool::builder().threads(1).timeout(LIMIT).build().unwrap();
    let calls = pool.blocking_load(hostile("calls")).unwrap().function::<Vec<u8>, String>("calls").unwrap();
    // It waits between 0 and 5 ms, again and again without end, two records at a time.
    for time in 0..5 {
        let program = vec![WAITS_FOR, time, BLOCKS, 0, GIVES_BACK, 0, 0, GOES_BACK, WITHOUT_END];
        let (policy, letters) = divert_to_list();
        let calls = calls.on_fault(&policy);
        let records = [program.clone(), program];
        let given = ran(records, |records| records.scatter(&pool).map(&calls).buffer(2).gather());
        let given = tokio::time::timeout(Duration::from_secs(20), given).await;
        let (outputs, ended) = given.unwrap_or_else(|_| panic!("waits of kind {time} get time for nothing"));
        ended.unwrap();
        assert!(outputs.is_empty());
        for letter in letters.read() {
            assert_eq!(letter.fault.cause, Cause::TimedOut { limit: LIMIT }, "{time}");
        }
    }
}

/// The timeout of a record of `calls`, and what a busy machine adds by the engine's own account.
const LIMIT: Duration = Duration::from_millis(200);
const BUDGET_AND_NOISE: Duration = Duration::from_secs(5);

const MEMORY: usize = 16 << 20;
const TOTAL_MEMORY: usize = 512 << 20;

/// How many sequences are in flight at once, for each of these functions.
const CHUNK: usize = 100;
const NAMES: [&str; 3] = ["calls", "granted", "sinks"];

/// Only a process that does nothing else can measure its own growth, so this test starts one.
#[test]
fn no_sequence_of_host_calls_exceeds_a_limit_or_leaks() {
    const ALONE: &str = "ENGINE_CALLS_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return sequences();
    }
    // Built by one process, not by both.
    hostile("calls");
    let name = "calls::no_sequence_of_host_calls_exceeds_a_limit_or_leaks";
    let mut alone = Command::new(std::env::current_exe().unwrap());
    let did = alone.args([name, "--exact", "--nocapture"]).env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&did.stdout) + String::from_utf8_lossy(&did.stderr);
    assert!(did.status.success(), "{:?}: {said}", did.status);
}

fn sequences() {
    let count = std::env::var("ENGINE_SEQUENCES").map_or(1000, |count| count.parse().unwrap());
    let mut runner = runner(1);
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let port = tokio.block_on(listen());
    let world = tempfile::tempdir().unwrap();
    let mut done = 0;
    let mut grown = None;
    while done < count {
        for isolation in [Isolation::Thread, Isolation::Batch] {
            tokio.block_on(try_all(&mut runner, isolation, port, world.path()));
            done += CHUNK * NAMES.len();
        }
        // The first pools have started all that stays.
        let now = Process::now();
        let first = *grown.get_or_insert(now);
        let settled = tokio.block_on(eventually(|| Process::now().is_no_more_than(first)));
        assert!(settled, "it grew from {first:?} to {:?}", Process::now());
    }
}

/// Runs sequences through each function of the plugin, in a separate pool.
async fn try_all(runner: &mut TestRunner, isolation: Isolation, port: u16, world: &Path) {
    let monitor = Monitor::new();
    let builder = Pool::builder().threads(2).instances(64).memory(MEMORY).total_memory(TOTAL_MEMORY);
    let pool = builder.isolation(isolation).monitor(&monitor).build().unwrap();
    let neighbour = misbehaving::<String, String>(&pool, "upper");
    let capabilities = [format!("dir:{}", world.display()), format!("net:127.0.0.1:{port}")];
    let capabilities = capabilities.iter().map(|grant| grant.parse::<Capability>().unwrap());
    let plugin = capabilities.fold(pool.blocking_load(hostile("calls")).unwrap(), Plugin::grant);
    for name in NAMES {
        furnish(world);
        let programs: Vec<Vec<u8>> = vec(program(), CHUNK).new_tree(runner).unwrap().current();
        let both =
            async { tokio::join!(try_each(&plugin, name, port, &programs), are_right(&pool, &neighbour)) };
        let ended = tokio::time::timeout(Duration::from_secs(120), both).await;
        ended.unwrap_or_else(|_| panic!("{name} hangs with one of {programs:?}"));
        std::fs::remove_dir_all(world).unwrap();
    }
    let usage = pool.usage();
    assert!(usage.memory <= TOTAL_MEMORY && usage.instances <= usage.instances_limit, "{usage:?}");
    if isolation == Isolation::Batch {
        let held = || {
            let (status, usage) = (monitor.status().pool, pool.usage());
            (status.memory, status.instances, usage.descriptors_held, usage.stuck_threads)
        };
        assert!(eventually(|| held() == (0, 0, 0, 0)).await, "{:?}", held());
    }
}

/// Stands for any byte.
const ANY: u16 = 256;

/// Phrases that reach further than random bytes: existing files and folders, a connection, streams, waits.
const PHRASES: &[&[u16]] = &[
    &[33, 35, 0, 1, 0, 1, 3],
    &[33, 35, 0, 1, 3, 2, 1],
    &[33, 35, 0, 1, 4, 9, 3],
    &[40, ANY, 0, 0],
    &[40, ANY, 1, 0],
    &[40, ANY, 2],
    &[38, ANY, ANY, 0],
    &[39, ANY, ANY, 0],
    &[42, ANY, ANY, ANY, ANY],
    &[43, ANY, ANY, ANY, ANY],
    &[44, 0, ANY, ANY],
    &[45, ANY, ANY, ANY],
    &[46, ANY, ANY, ANY, ANY, ANY, 1],
    &[48, 49, 1, 0, 51, 0, 3, 0, 0, 0, 2, 53, 0, 3],
    &[48, 49, 1, 0, 51, 0, 1, ANY, 2, 3, 2, 53, ANY, 0, 51, 0, 2, ANY, 53, ANY, 1, 53, ANY, 2],
    &[57, ANY, ANY, ANY],
    &[58, ANY, ANY],
    &[13, 7],
    &[13, 8],
    &[23, ANY, ANY, ANY],
    &[25, ANY, 3, ANY],
    &[25, ANY, 2, ANY],
    &[27, ANY, ANY],
    &[28, ANY, ANY, 4],
    &[29, ANY, ANY, ANY, ANY],
    &[30, ANY, 20, ANY],
    &[31, ANY, 20, ANY],
    &[17, ANY, 19, ANY],
    &[0, ANY, ANY],
    &[4, ANY],
];

/// A record of phrases and random bytes, without line ends (whose call has other bytes too).
fn program() -> impl Strategy<Value = Vec<u8>> {
    let fill = |(phrase, chance): (&[u16], Vec<u8>)| -> Vec<u8> {
        phrase.iter().zip(chance).map(|(byte, any)| u8::try_from(*byte).unwrap_or(any)).collect()
    };
    let phrase = (select(PHRASES), vec(any::<u8>(), 32)).prop_map(fill);
    let piece = prop_oneof![3 => phrase, 1 => vec(any::<u8>(), 1..12)];
    let no_end = |byte: u8| if byte == b'\n' { byte + 61 } else { byte };
    vec(piece, 0..16).prop_map(move |pieces| pieces.concat().into_iter().map(no_end).collect())
}

/// Creates a folder with a few files.
fn furnish(world: &Path) {
    std::fs::create_dir_all(world.join("folder")).unwrap();
    std::fs::write(world.join("a"), [b'a'; 100_000]).unwrap();
    std::fs::write(world.join("folder/a"), "a").unwrap();
}

/// Each program is a record, and gives an output or a fault, within its limits.
async fn try_each(plugin: &Plugin, name: &str, port: u16, programs: &[Vec<u8>]) {
    let (policy, letters) = divert_to_list();
    let source = Source::<Vec<u8>>::new();
    let usage: Box<dyn Fn() -> Usage> = if name == "sinks" {
        let sink = plugin.function::<Vec<u8>, ()>(name).unwrap().timeout(LIMIT).on_fault(&policy);
        source.stream().sink(&sink.stdout(&Output::new(std::io::sink())));
        Box::new(move || sink.usage())
    } else {
        let function = plugin.function::<Vec<u8>, String>(name).unwrap().with("port", port).unwrap();
        let function = function.timeout(LIMIT).on_fault(&policy);
        source.stream().scatter(&function.pool()).map(&function).buffer(CHUNK).gather().sink(|_: String| {});
        Box::new(move || function.usage())
    };
    let begun = Instant::now();
    let lines = programs.join(&b'\n');
    let emitted = sources::lines(Cursor::new([lines, vec![b'\n']].concat())).emit_into(&source).await;
    let ended = source.close().await.and(emitted);
    ended.unwrap_or_else(|error| panic!("{name}: {error}: one of {programs:?}"));
    let counts = source.progress().counts();
    assert_eq!(counts.delivered + counts.faults, programs.len() as u64, "{name}: {counts:?}");
    let faults: Vec<_> = letters.read().into_iter().map(|letter| letter.fault.record).collect();
    assert!(faults.is_sorted_by(|one, next| one < next), "a record failed twice: {faults:?}");
    let usage = usage();
    assert!(usage.memory <= MEMORY, "{name}: {usage:?}: one of {programs:?}");
    assert!(usage.longest <= LIMIT + BUDGET_AND_NOISE, "{name}: {usage:?}: one of {programs:?}");
    let most = (LIMIT + BUDGET_AND_NOISE) * CHUNK as u32;
    assert!(begun.elapsed() < most, "{name}: {:?}: {programs:?}", begun.elapsed());
}

/// Checks another plugin's output meanwhile.
async fn are_right(pool: &Pool, neighbour: &Function<String, String>) {
    let records = vec!["a".to_owned(); 100];
    let (outputs, ended) =
        ran(records, |records| records.scatter(pool).map(neighbour).buffer(5).gather()).await;
    ended.unwrap();
    assert_eq!(outputs, ["A"; 100]);
}

/// Listens for connections, writes to each, and reads until its end.
async fn listen() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let heard = async {
                    connection.write_all(&[b'x'; 100_000]).await?;
                    connection.read_to_end(&mut Vec::new()).await
                };
                // A silent client is disconnected.
                let _ = tokio::time::timeout(LIMIT, heard).await;
            });
        }
    });
    port
}

/// Resources of a process that may grow.
#[derive(Clone, Copy, Debug)]
struct Process {
    descriptors: usize,
    threads: usize,
    /// In KiB.
    memory: usize,
}

impl Process {
    fn now() -> Self {
        let entries = |path| std::fs::read_dir(path).unwrap().count();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB")).unwrap();
        Self {
            descriptors: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
            memory: memory.trim().parse().unwrap(),
        }
    }

    fn is_no_more_than(&self, first: Self) -> bool {
        let Self { descriptors, threads, memory } = *self;
        descriptors <= first.descriptors && threads <= first.threads && memory <= first.memory + (128 << 10)
    }
}

/// Whether a condition becomes true within some seconds.
async fn eventually(is_so: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !is_so() && begun.elapsed() < Duration::from_secs(20) {
        // Other threads clean up what was dropped, and report no end of it.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    is_so()
}
