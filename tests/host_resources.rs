//! Host resources other than memory: files, folders, threads, disk. Whatever one function takes, others have
//! their share, and the run continues.

#![cfg(unix)]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use engine::function::Isolation;
use engine::pool::PoolBuilder;
use engine::{Capability, Function, Pool};
use tempfile::tempdir;

use crate::support::{engine, fed, function_of, hostile, ran};

fn pool() -> PoolBuilder {
    Pool::builder().threads(2).timeout(Duration::from_secs(20))
}

/// A function of a hostile plugin, with a folder.
fn granted(pool: &Pool, plugin: &str, name: &str, folder: &str) -> Function<String, String> {
    let capability: Capability = format!("dir:{folder}").parse().unwrap();
    pool.blocking_load(hostile(plugin)).unwrap().grant(capability).function(name).unwrap()
}

/// A function's outputs for these records, several at once.
async fn made(
    pool: &Pool,
    function: &Function<String, String>,
    records: impl IntoIterator<Item = String>,
) -> Vec<String> {
    let (outputs, ended) =
        ran(records, |stream| stream.scatter(pool).map(function).buffer(1000).gather()).await;
    ended.unwrap();
    outputs
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The resident memory of this process, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn a_pipe_in_a_folder_blocks_no_thread() {
    let folder = tempdir().unwrap();
    let (pipe, file) = (folder.path().join("pipe"), folder.path().join("file"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::write(&file, "mine").unwrap();
    for (grant, rw) in [(":ro", false), ("", false), ("", true)] {
        let pool = pool().build().unwrap();
        let folder = shown(folder.path()) + grant;
        let opens = granted(&pool, "misdeeds", "opens", &folder).with("rw", rw).unwrap();
        let reads = granted(&pool, "granted", "reads", &folder);
        let hostile = made(&pool, &opens, (0..560).map(|_| shown(&pipe)));
        let honest = made(&pool, &reads, (0..20).map(|_| shown(&file)));
        let (hostile, honest) = tokio::join!(hostile, honest);
        assert_eq!(honest, ["mine"; 20]);
        assert!(hostile.iter().all(|said| said == "PermissionDenied"), "{:?}", hostile.first());
        assert_eq!(pool.usage().stuck_threads, 0);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn large_folders_are_listed_lazily() {
    let folder = tempdir().unwrap();
    for number in 0..20_000 {
        fs::write(folder.path().join(format!("{number:0200}")), "").unwrap();
    }
    let pool = pool().total_memory(32 << 20).build().unwrap();
    let path = shown(folder.path());
    let counts = granted(&pool, "misdeeds", "counts_names", &format!("{path}:ro"));
    let lists = granted(&pool, "misdeeds", "lists", &format!("{path}:ro")).with("path", &path).unwrap();
    let before = resident();
    let said = made(&pool, &lists, (0..8).map(|number| number.to_string())).await;
    assert!(said.iter().all(|said| said.ends_with(": 1 true")), "{said:?}");
    let grown = resident().saturating_sub(before);
    assert!(grown < 128 << 20, "{grown} bytes more");
    assert_eq!(made(&pool, &counts, [path]).await, ["20000"]);
}

#[test]
fn with_few_descriptors_hoarders_are_refused_and_others_continue() {
    let folder = tempdir().unwrap();
    let (path, file) = (shown(folder.path()), folder.path().join("file"));
    fs::write(&file, "mine").unwrap();
    let records: String = (0..40).map(|_| "keeps\n").collect();
    let hoards = function_of(&hostile("misdeeds"), "hoards");
    let command = |function: &str, arg: &str| {
        let mut command = Command::new("prlimit");
        command.args(["--nofile=1024:1024", env!("CARGO_BIN_EXE_engine"), "run", "-p", function]);
        command.args(["--allow", &format!("dir:{path}:ro"), "--isolation", "record", "--json"]);
        if !arg.is_empty() {
            command.args(["--arg", arg]);
        }
        command
    };
    let did = fed(command(&hoards, &format!("path={}", shown(&file))), records);
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    assert!(did.stderr.contains("\"descriptors_limit\":512"), "{}", did.stderr);
    assert_eq!(did.stdout.lines().count(), 40);
    for line in did.stdout.lines() {
        let (count, why) = line.split_once(' ').unwrap();
        assert!(count.parse::<usize>().unwrap() >= 4, "{line}: each has some of its own");
        assert_eq!(why, "OutOfMemory");
    }
    let reads = function_of(&hostile("granted"), "reads");
    let did = fed(command(&reads, ""), format!("{}\n", shown(&file)).repeat(200));
    assert_eq!((did.code, &*did.stdout), (Some(0), &*"mine\n".repeat(200)), "{}", did.stderr);
}

#[tokio::test]
async fn a_pool_without_instances_holds_nothing() {
    let folder = tempdir().unwrap();
    let (path, file) = (shown(folder.path()), folder.path().join("file"));
    fs::write(&file, "mine").unwrap();
    let pool = pool().isolation(Isolation::Record).build().unwrap();
    let hoards = granted(&pool, "misdeeds", "hoards", &path).with("path", shown(&file)).unwrap();
    let said = made(&pool, &hoards, (0..4).map(|_| "keeps".to_owned())).await;
    assert!(said.iter().all(|said| said.starts_with("9")), "{said:?}");
    assert!(pool.usage().descriptors > 900);
    // Files are closed on other threads.
    while pool.usage().descriptors_held > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn connections_are_bounded_and_released() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let _all: Vec<_> = listener.incoming().collect();
    });
    let pool = pool().isolation(Isolation::Record).build().unwrap();
    let capability: Capability = format!("net:{address}").parse().unwrap();
    let plugin = pool.blocking_load(hostile("misdeeds")).unwrap().grant(capability);
    let hoards: Function<String, String> = plugin.function("hoards_connections").unwrap();
    let hoards = hoards.with("address", &address).unwrap();
    // To wait for a connection takes a handle more.
    for record in ["lets go", "waits", "keeps"] {
        let (said, ended) = ran([record.to_owned()], |stream| stream.apply(&hoards)).await;
        ended.unwrap();
        let count: usize = said[0].split(' ').next().unwrap().parse().unwrap();
        assert!((100..=256).contains(&count), "{said:?}");
    }
    while pool.usage().descriptors_held > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_file_never_grows_past_its_quota() {
    let folder = tempdir().unwrap();
    let pool = pool().build().unwrap();
    let grant = format!("{}:quota=1MiB", shown(folder.path()));
    let path = |name: &str| shown(&folder.path().join(name));
    let stretches = granted(&pool, "misdeeds", "stretches", &grant).with("bytes", 1_u64 << 40).unwrap();
    let far = granted(&pool, "misdeeds", "writes_far", &grant).with("place", 1_u64 << 40).unwrap();
    for function in [stretches, far] {
        let (_, ended) = ran([path("sparse")], |stream| stream.apply(&function)).await;
        let error = ended.unwrap_err().to_string();
        // The guest's library reports only that writing failed, not why.
        assert!(error.contains("uota") || error.contains("I/O error"), "{error}");
        assert_eq!(fs::metadata(path("sparse")).unwrap().len(), 0);
    }
    let fills = granted(&pool, "misdeeds", "fills", &grant);
    let said = made(&pool, &fills, [path("full")]).await;
    let written = fs::metadata(path("full")).unwrap().len();
    assert_eq!(said, [written.to_string()]);
    assert!((900 << 10..=1 << 20).contains(&written), "{written}");
    // All instances and functions with the same grant share one quota.
    let append = granted(&pool, "misdeeds", "fills", &grant).with("append", true).unwrap();
    assert_eq!(made(&pool, &append, [path("full")]).await, ["0"]);
    assert!((900 << 10..=1 << 20).contains(&pool.usage().disk));
}

#[tokio::test]
async fn a_removed_file_frees_its_quota_unless_still_open() {
    let folder = tempdir().unwrap();
    let pool = pool().build().unwrap();
    let grant = format!("{}:quota=1MiB", shown(folder.path()));
    let path = shown(&folder.path().join("file"));
    let replaces = granted(&pool, "misdeeds", "replaces", &grant).with("bytes", 400_000).unwrap();
    let (said, ended) = ran(vec![path.clone(); 20], |stream| stream.apply(&replaces)).await;
    ended.unwrap();
    assert_eq!(said, vec![path.clone(); 20]);
    let hides = granted(&pool, "misdeeds", "hides", &grant).with("bytes", 200_000).unwrap();
    let said = made(&pool, &hides, [shown(&folder.path().join("hidden"))]).await;
    assert_eq!(said, ["3"], "and 400 kB of the other file");
}

#[tokio::test]
async fn empty_files_count_against_the_quota() {
    let folder = tempdir().unwrap();
    let pool = pool().build().unwrap();
    let path = shown(folder.path());
    let litters = granted(&pool, "misdeeds", "litters", &format!("{path}:quota=400KiB"));
    assert_eq!(made(&pool, &litters, [path.clone()]).await, ["100 QuotaExceeded"]);
    assert_eq!(fs::read_dir(path).unwrap().count(), 100);
}

#[test]
fn the_command_line_grants_a_quota() {
    let folder = tempdir().unwrap();
    let path = shown(folder.path());
    let litters = function_of(&hostile("misdeeds"), "litters");
    let allow = format!("dir:{path}:quota=40KiB");
    let did = fed(engine(["run", "-p", &litters, "--allow", &allow]), format!("{path}\n"));
    assert_eq!((did.code, &*did.stdout), (Some(0), "10 QuotaExceeded\n"), "{}", did.stderr);
}
