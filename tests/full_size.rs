//! Reliability at full size: what the command does, and which resources it uses meanwhile.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{engine, fed, function_of, hostile, misbehaving, plugin, ran};

/// The command with a function that misbehaves.
fn misdeed(function: &str, more: &[&str]) -> Command {
    let mut command = engine(["run", "-q", "-p", &function_of(&hostile("misdeeds"), function)]);
    command.args(more);
    command
}

fn spawned(mut command: Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The most memory that a process had at once, in bytes.
#[cfg(target_os = "linux")]
fn most_memory(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

#[cfg(target_os = "linux")]
/// Numbers, a line each, fed while the run goes on.
fn feed(child: &mut Child, records: u64) -> std::thread::JoinHandle<std::process::ChildStdin> {
    let mut stdin = child.stdin.take().unwrap();
    std::thread::spawn(move || {
        let block: String = (10_000..20_000).map(|x| format!("{x}\n")).collect();
        for _ in 0..records / 10_000 {
            stdin.write_all(block.as_bytes()).unwrap();
        }
        stdin
    })
}

#[tokio::test]
async fn row_3_endless_recursion_costs_only_its_record() {
    let pool = engine::Pool::builder().threads(2).build().unwrap();
    let policy = engine::FaultPolicy::skip();
    let recurses = misbehaving::<String, String>(&pool, "recurses").on_fault(&policy);
    let inputs = ["a", "bad", "b", "bad", "c"].map(str::to_owned);
    let (outputs, ended) = ran(inputs, |lines| lines.scatter(&pool).map(&recurses).buffer(5).gather()).await;
    ended.unwrap();
    assert_eq!(outputs, ["a", "b", "c"]);
}

#[cfg(target_os = "linux")]
#[test]
fn row_4_resident_memory_stays_within_limit_plus_overhead() {
    let mut child = spawned(misdeed("allocates", &["-t", "1", "--memory", "200MiB", "--on-fault", "skip"]));
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "bad\nbad\nbad\ngood").unwrap();
    let mut answer = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    assert_eq!(answer, "good\n");
    let memory = most_memory(&child) >> 20;
    assert!((150..260).contains(&memory), "{memory} MiB");
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn row_10_a_million_poison_records_become_dead_letters() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    // By `Err`, and by a panic, which is more expensive.
    for (function, records) in [("fails", 1_000_000), ("panics", 50_000)] {
        // The last ones are good.
        fs::write(path("in"), "bad\n".repeat(records) + "good\ngood\n").unwrap();
        let divert = format!("divert={}", path("dead"));
        let mut command =
            misdeed(function, &["--json", "-i", &path("in"), "-o", &path("out"), "--on-fault", &divert]);
        command.stdout(Stdio::null());
        let did = fed(command, "");
        assert_eq!(did.code, Some(1), "{}", did.stderr);
        // The log is a line.
        assert_eq!(did.stderr.lines().count(), 1, "{}", did.stderr);
        let summary: serde_json::Value = serde_json::from_str(did.stderr.lines().next().unwrap()).unwrap();
        assert_eq!((&summary["faults"], &summary["records_out"]), (&records.into(), &2.into()));
        assert_eq!(fs::read_to_string(path("out")).unwrap(), "good\ngood\n");
        let mut letters = 0;
        for (number, line) in (1..).zip(BufReader::new(fs::File::open(path("dead")).unwrap()).lines()) {
            let start = format!(r#"{{"version":1,"number":{number},"input""#);
            assert!(line.unwrap().starts_with(&start), "{function}: no letter of record {number}");
            letters = number;
        }
        assert_eq!(letters, records, "{function}");
        fs::remove_file(path("dead")).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn row_6_a_record_with_many_failing_pieces_is_held_once() {
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("dead");
    let (splits, inc) = (function_of(&hostile("misdeeds"), "splits"), plugin("inc").display().to_string());
    let mut command = engine(["run", "-q", "-t", "1", "-p", &splits, "-p", &inc, "--on-fault"]);
    command.arg(format!("divert={}", dead.display()));
    let mut child = spawned(command);
    let mut stdin = child.stdin.take().unwrap();
    // A copy for each piece would be 400 GB.
    let line = "b ".repeat(450_000);
    writeln!(stdin, "{line}\n7").unwrap();
    let mut answer = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    assert_eq!(answer, "8\n");
    let memory = most_memory(&child) >> 20;
    assert!(memory < 400, "{memory} MiB");
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let letters = fs::read_to_string(&dead).unwrap();
    assert_eq!(letters.lines().count(), 1);
    assert!(letters.contains(&line[..line.len() - 1]), "it is not the whole record");
}

#[test]
fn row_15_an_interrupt_works_from_the_first_output_on() {
    for _ in 0..20 {
        let mut child = spawned(misdeed("same", &[]));
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "a").unwrap();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130));
    }
}

#[test]
fn row_12_ten_thousand_sleeping_calls_need_no_extra_threads() {
    let mut child = spawned(misdeed("sleeps_first", &["-t", "2", "--buffer", "10000"]));
    let begun = Instant::now();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all("2000\n".repeat(10_000).as_bytes()).unwrap();
    let mut outputs = BufReader::new(child.stdout.take().unwrap()).lines();
    outputs.next().unwrap().unwrap();
    #[cfg(target_os = "linux")]
    {
        let threads = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap().count();
        assert!(threads < 12, "{threads} threads");
        assert!(most_memory(&child) < 2 << 30);
    }
    drop(stdin);
    assert_eq!(outputs.count(), 9_999);
    // One after another they would take five hours.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn row_13_input_errors_name_their_position() {
    let inc = plugin("inc").display().to_string();
    // Invalid UTF-8 in the middle.
    let did = fed(misdeed("upper", &[]), b"a\n\xff\xfe\nb\n");
    assert_eq!((did.code, &*did.stdout), (Some(1), "A\n"));
    assert!(did.stderr.starts_with("engine: record 2: upper: "), "{}", did.stderr);
    // A last line without a newline.
    assert_eq!(fed(engine(["run", "-q", "-p", &inc]), "1\n2").stdout, "2\n3\n");
    // Unreadable inputs are found before anything runs.
    let folder = tempfile::tempdir().unwrap();
    for (path, problem) in
        [(folder.path().to_owned(), "it is a folder"), (folder.path().join("no"), "No such")]
    {
        let did = fed(engine(["run", "-q", "-p", &inc, "-i", &path.display().to_string()]), "");
        let expected = format!("engine: can't read {}: ", path.display());
        assert_eq!(did.code, Some(2));
        assert!(did.stderr.starts_with(&expected) && did.stderr.contains(problem), "{}", did.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn row_13_a_gigabyte_line_ends_the_run_in_little_memory() {
    let mut child = spawned(misdeed("upper", &[]));
    let mut stdin = child.stdin.take().unwrap();
    let fed = std::thread::spawn(move || {
        stdin.write_all(b"first\n").unwrap();
        let piece = [b'x'; 1 << 20];
        // The run ends before the line does.
        (0..1024).take_while(|_| stdin.write_all(&piece).is_ok()).count()
    });
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!((&*out, child.wait().unwrap().code()), ("FIRST\n", Some(1)), "{said}");
    assert!(
        said.starts_with("engine: record 2: lines: it is longer than 32.0 MiB") && said.lines().count() == 1,
        "{said}"
    );
    assert!(fed.join().unwrap() < 200, "it was read to its end");
}

#[test]
fn row_15_a_second_interrupt_ends_the_run_at_once() {
    let mut child = spawned(misdeed("sleeps_forever", &["--timeout", "1h"]));
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "good").unwrap();
    let mut outputs = BufReader::new(child.stdout.take().unwrap());
    outputs.read_line(&mut String::new()).unwrap();
    // The next one would not end by itself.
    writeln!(stdin, "bad").unwrap();
    let begun = Instant::now();
    // The first one must be handled first: pending signals of one kind merge.
    while child.try_wait().unwrap().is_none() {
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not end");
        std::thread::yield_now();
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[cfg(target_os = "linux")]
#[test]
fn row_17_a_leaking_function_takes_no_more_memory_over_time() {
    const RECORDS: u64 = 100_000_000;
    let leaks = function_of(&hostile("misdeeds"), "leaks");
    let mut child = spawned(engine(["run", "-q", "--json", "-t", "2", "-p", &leaks, "-a", "bytes=16"]));
    let feeder = feed(&mut child, RECORDS);
    let mut stdout = child.stdout.take().unwrap();
    let (mut buffer, mut bytes) = (vec![0; 1 << 20], 0);
    while bytes < RECORDS * 6 {
        let read = stdout.read(&mut buffer).unwrap() as u64;
        assert!(read > 0, "the run ended after {bytes} bytes");
        bytes += read;
    }
    // 1.6 GB leaked, plus the allocator's overhead; at most two instances of 64 MiB, plus the host.
    let memory = most_memory(&child) >> 20;
    assert!(memory < 220, "{memory} MiB");
    drop(feeder.join().unwrap());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&summary["records_out"], &summary["faults"]), (&RECORDS.into(), &0.into()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Makes the time of day jump by an hour back and forth at each read. The monotonic clock stays
/// unchanged.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const JUMPS: &str = "
#define _GNU_SOURCE
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <sys/time.h>
static int looks;
static long jump(void) { return __atomic_fetch_add(&looks, 1, __ATOMIC_RELAXED) % 2 ? 3600 : -3600; }
int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += jump();
    return failed;
}
int gettimeofday(struct timeval *now, void *zone) {
    int failed = syscall(SYS_gettimeofday, now, zone);
    now->tv_sec += jump();
    return failed;
}
time_t time(time_t *now) {
    time_t seconds = syscall(SYS_time, 0) + jump();
    if (now) *now = seconds;
    return seconds;
}
";

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn row_18_clock_jumps_cause_no_timeouts() {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("jumps.c"), folder.path().join("jumps.so"));
    fs::write(&source, JUMPS).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    assert!(built.unwrap().success());
    // It does jump: a function with the capability `clock` sees it.
    let now = function_of(&hostile("granted"), "now");
    let mut command = engine(["run", "-q", "-p", &now, "--allow", "clock"]);
    command.env("LD_PRELOAD", &library);
    let seen = fed(command, "a\nb\n").stdout;
    let seen: Vec<i64> = seen.lines().map(|line| line.parse().unwrap()).collect();
    assert!((seen[0] - seen[1]).abs() > 3000, "{seen:?}");
    // A thousand sleepers, waiting retries, and some checkpoints.
    let output = folder.path().join("out");
    let input = folder.path().join("in");
    fs::write(&input, "300\n".repeat(1000)).unwrap();
    let mut command = misdeed("sleeps_first", &["--timeout", "3s", "--retries", "2"]);
    command.arg("-i").arg(&input).arg("-o").arg(&output);
    command.arg("--checkpoint").arg(folder.path().join("checkpoint")).args(["--checkpoint-interval", "10ms"]);
    command.env("LD_PRELOAD", &library);
    let begun = Instant::now();
    let did = fed(command, "");
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(fs::read_to_string(&output).unwrap(), "300\n".repeat(1000));
}
