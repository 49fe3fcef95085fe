//! Scarce resources: little memory, few threads, few open files, small files.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::support::{Did, engine, fed, function_of, hostile, plugin};

/// The command as a user without other processes, with a folder that it may write to. None, with a note, unless the
/// test runs as root.
struct Stranger {
    folder: tempfile::TempDir,
    uid: u32,
}

impl Stranger {
    fn new() -> Option<Self> {
        let is_root =
            std::fs::metadata("/proc/self").is_ok_and(|this| std::os::unix::fs::MetadataExt::uid(&this) == 0);
        let has_tools = ["setpriv", "prlimit", "timeout"]
            .into_iter()
            .all(|tool| Command::new(tool).arg("--version").output().is_ok_and(|told| told.status.success()));
        if !(is_root && has_tools) {
            println!("skipped: it needs root, setpriv, prlimit and timeout");
            return None;
        }
        // No other test uses this user.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let uid = 100_000 + id() + (NUMBER.fetch_add(1, Relaxed) << 24);
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_engine"), folder.path().join("engine")).unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        chown(folder.path().join("home"), Some(uid), Some(uid)).unwrap();
        Some(Self { folder, uid })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// The command, limited to this many threads and processes.
    fn command(&self, threads: usize, args: &[&str]) -> Command {
        self.wait_until_alone();
        let mut command = Command::new("timeout");
        command
            .args(["--signal=KILL", "60", "setpriv", "--clear-groups"])
            .args([format!("--reuid={}", self.uid), format!("--regid={}", self.uid)])
            .args(["prlimit".to_owned(), format!("--nproc={threads}")])
            .arg(self.path("engine"))
            .args(args)
            .env("HOME", self.home())
            .env("XDG_CACHE_HOME", self.home().join("cache"))
            .current_dir(self.home());
        command
    }

    /// Waits until no process of an earlier run is left, since it would count: the system removes processes a little
    /// after their end.
    fn wait_until_alone(&self) {
        let uid = format!("Uid:\t{}\t", self.uid);
        let is_ours = |process: std::io::Result<std::fs::DirEntry>| {
            let status = process.and_then(|process| std::fs::read_to_string(process.path().join("status")));
            status.is_ok_and(|status| status.contains(&uid))
        };
        let begun = Instant::now();
        while std::fs::read_dir("/proc").unwrap().any(is_ours) {
            assert!(begun.elapsed() < Duration::from_secs(60), "a process of a run is left");
            std::thread::yield_now();
        }
    }

    fn forget_compiled(&self) {
        let _ = std::fs::remove_dir_all(self.home().join("cache"));
    }
}

/// Runs with more and more threads: each run is correct, or ends with one line that names the shortage.
fn sweep(mut run: impl FnMut(usize) -> Did, right: &str) {
    let (mut ends, mut last) = (Vec::new(), String::new());
    for threads in 1..=24 {
        let Did { code, stdout, stderr } = run(threads);
        ends.push(code);
        if code == Some(0) {
            assert_eq!(stdout, right, "{threads} threads");
            continue;
        }
        assert!(matches!(code, Some(1 | 2)), "{threads} threads: {code:?} {stderr}");
        let [line] = stderr.lines().collect::<Vec<_>>()[..] else { panic!("{threads} threads: {stderr}") };
        assert!(line.contains("ulimit -u"), "{threads} threads: {line}");
        last = line.to_owned();
    }
    assert!(ends.contains(&Some(2)) && ends.ends_with(&[Some(0); 8]), "{ends:?} {last}");
}

#[test]
fn with_few_threads_a_run_is_correct_or_names_the_shortage() {
    let Some(stranger) = Stranger::new() else { return };
    std::fs::copy(plugin("inc"), stranger.path("inc.wasm")).unwrap();
    let inc = stranger.path("inc.wasm").display().to_string();
    let input: String = (1..=1000).map(|x| format!("{x}\n")).collect();
    std::fs::write(stranger.path("in"), &input).unwrap();
    let right: String = (2..=1001).map(|x| format!("{x}\n")).collect();
    let run = |threads, args: &[&str]| {
        let args = [&["run", "--quiet", "--plugin", &inc], args].concat();
        fed(stranger.command(threads, &args), &input)
    };
    // Compiled the first time, and cached afterwards.
    sweep(
        |threads| {
            stranger.forget_compiled();
            run(threads, &[])
        },
        &right,
    );
    sweep(|threads| run(threads, &["--threads", "8"]), &right);
    sweep(|threads| run(threads, &["--report", "report.html"]), &right);
    let checkpointed = |threads| {
        let mut did = run(threads, &["--input", "../in", "--output", "out", "--checkpoint", "checkpoint"]);
        did.stdout = std::fs::read_to_string(stranger.home().join("out")).unwrap_or_default();
        let _ = std::fs::remove_file(stranger.home().join("out"));
        let _ = std::fs::remove_file(stranger.home().join("checkpoint"));
        did
    };
    sweep(checkpointed, &right);
}

#[test]
fn with_few_threads_a_pipeline_is_correct_or_names_the_shortage() {
    let Some(stranger) = Stranger::new() else { return };
    std::fs::copy(plugin("inc"), stranger.path("inc.wasm")).unwrap();
    let spool = stranger.path("spool");
    std::fs::create_dir(&spool).unwrap();
    std::fs::write(spool.join("one"), "1\n2\n").unwrap();
    std::fs::write(spool.join("other"), "3\n").unwrap();
    let pipeline = format!(
        "[sources.spool]\ntype = 'files'\npath = '{}'\n\
         [sources.other]\ntype = 'files'\npath = '{}'\n\
         [stages.both]\ntype = 'union'\nfrom = ['spool', 'other']\n\
         [stages.scatter]\ntype = 'scatter'\nfrom = 'both'\n\
         [stages.inc]\ntype = 'map'\nplugin = '{}'\nfrom = 'scatter'\n\
         [stages.gather]\ntype = 'gather'\nfrom = 'inc'\n\
         [sinks.out]\ntype = 'stdout'\nfrom = 'gather'\n",
        spool.join("one").display(),
        spool.join("other").display(),
        stranger.path("inc.wasm").display()
    );
    std::fs::write(stranger.path("pipeline.toml"), pipeline).unwrap();
    let path = stranger.path("pipeline.toml").display().to_string();
    let run = |threads| {
        let mut did = fed(stranger.command(threads, &["run", "--quiet", &path]), "");
        let mut lines: Vec<_> = did.stdout.lines().collect();
        lines.sort_unstable();
        did.stdout = lines.join(" ");
        did
    };
    sweep(run, "2 3 4");
}

#[test]
fn with_few_processes_a_command_runs_or_the_shortage_is_named() {
    let Some(stranger) = Stranger::new() else { return };
    std::fs::copy(plugin("inc"), stranger.path("inc.wasm")).unwrap();
    let pipeline = format!(
        "[sources.process]\ncommand = ['seq', '3']\n[stages.scatter]\n[stages.map]\nplugin = '{}'\n\
         [stages.gather]\n[sinks.cat]\ntype = 'process'\ncommand = ['cat']\n",
        stranger.path("inc.wasm").display()
    );
    std::fs::write(stranger.path("pipeline.toml"), pipeline).unwrap();
    let path = stranger.path("pipeline.toml").display().to_string();
    sweep(|threads| fed(stranger.command(threads, &["run", "--quiet", &path]), ""), "2\n3\n4\n");
}

#[test]
fn the_error_names_the_limit_on_open_files() {
    let mut command = Command::new("prlimit");
    command.args(["--nofile=9:9", env!("CARGO_BIN_EXE_engine"), "run", "--plugin"]).arg(plugin("inc"));
    let Did { code, stderr, .. } = fed(command, "1\n");
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("ulimit -n") && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn the_limit_on_open_files_is_raised_to_the_hard_limit() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = "[sources.limit]\ntype = 'process'\ncommand = ['sh', '-c', 'ulimit -n']\n[sinks.stdout]\n";
    std::fs::write(folder.path().join("pipeline.toml"), pipeline).unwrap();
    let mut command = Command::new("prlimit");
    command.args(["--nofile=64:512", env!("CARGO_BIN_EXE_engine"), "run", "--quiet"]);
    command.arg(folder.path().join("pipeline.toml"));
    let Did { code, stdout, stderr } = fed(command, "");
    assert_eq!((code, &*stdout), (Some(0), "512\n"), "{stderr}");
}

/// A run with files of at most 64 KiB.
fn with_small_files(args: &[&str], input: &str) -> Did {
    let mut command = Command::new("prlimit");
    command.args(["--fsize=65536:65536", env!("CARGO_BIN_EXE_engine"), "run", "--quiet"]).args(args);
    fed(command, input)
}

#[test]
fn a_file_size_limit_is_an_error_and_kills_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let inc = plugin("inc").display().to_string();
    // Compiled before, in a cache whose files may grow.
    assert_eq!(fed(engine(["run", "--plugin", &inc]), "").code, Some(0));
    let input: String = (1..=100_000).map(|x| format!("{x}\n")).collect();
    let did = with_small_files(&["--plugin", &inc, "--output", &out], &input);
    assert_eq!(did.code, Some(1), "{}", did.stderr);
    assert!(did.stderr.contains("File too large") && did.stderr.lines().count() == 1, "{}", did.stderr);
    assert_eq!(std::fs::metadata(&out).unwrap().len(), 65536);
    let letters = format!("divert={}", folder.path().join("dead").display());
    let numbers = "no number\n".repeat(10_000);
    let did = with_small_files(&["--plugin", &inc, "--on-fault", &letters], &numbers);
    assert_eq!(did.code, Some(1), "{}", did.stderr);
    assert!(did.stderr.contains("File too large"), "{}", did.stderr);
}

#[test]
fn a_guest_that_hits_the_file_size_limit_continues() {
    let folder = tempfile::tempdir().unwrap();
    let grows = function_of(&hostile("granted"), "grows");
    let allow = format!("dir:{}", folder.path().display());
    let file = folder.path().join("file").display().to_string();
    let warm = fed(engine(["run", "--plugin", &grows, "--allow", &allow]), "");
    assert_eq!(warm.code, Some(0), "{}", warm.stderr);
    let did = with_small_files(&["--plugin", &grows, "--allow", &allow], &format!("{file}\n"));
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    let Some((length, written)) = did.stdout.trim_end().split_once("; ") else { panic!("{}", did.stdout) };
    assert!(length.contains("File too large") && written != "done", "{}", did.stdout);
}

/// A cgroup for this process with this memory limit, removed on drop.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// None, with a note, if it can't be created.
    fn new(bytes: u64) -> Option<Self> {
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let own = |prefix: &str| {
            let mut lines = groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
            lines
                .find(|(controllers, _)| *controllers == prefix)
                .map(|(_, group)| group.trim_start_matches('/'))
        };
        let name = format!("engine-test-{}", id());
        let first = own("memory")
            .map(|group| (Path::new("/sys/fs/cgroup/memory").join(group), "memory.limit_in_bytes"));
        let second = own("").map(|group| (Path::new("/sys/fs/cgroup").join(group), "memory.max"));
        for (folder, limit) in first.into_iter().chain(second) {
            let group = Self(folder.join(&name));
            if std::fs::create_dir(&group.0).is_ok()
                && std::fs::write(group.0.join(limit), bytes.to_string()).is_ok()
            {
                return Some(group);
            }
        }
        println!("skipped: this process can make no group of its own");
        None
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > \"$0\"/cgroup.procs && exec \"$@\""]).arg(&self.0);
        command.arg(env!("CARGO_BIN_EXE_engine")).args(args);
        command
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn in_a_container_instances_get_half_of_its_memory() {
    let Some(group) = MemoryGroup::new(256 << 20) else { return };
    // Each instance takes a MiB and more for each record, and lives until it has half of its 64 MiB.
    let leaks = function_of(&hostile("misdeeds"), "leaks");
    let args = ["run", "--json", "--plugin", &leaks, "--arg", "bytes=4194304", "--threads", "16"];
    let did = fed(group.command(&args), "a\n".repeat(2000));
    assert_eq!(did.code, Some(0), "{:?} {}", did.code, did.stderr);
    assert_eq!(did.stdout.lines().count(), 2000);
    let summary = did.stderr.lines().last().unwrap();
    let summary: serde_json::Value = serde_json::from_str(summary).unwrap();
    assert_eq!(summary["memory_limit_bytes"], 128 << 20);
}

#[test]
fn with_little_address_space_a_run_is_correct_or_names_the_shortage() {
    let (inc, cache) = (plugin("inc").display().to_string(), tempfile::tempdir().unwrap());
    let input: String = (1..=1000).map(|x| format!("{x}\n")).collect();
    let right: String = (2..=1001).map(|x| format!("{x}\n")).collect();
    let run = |bytes: u64, flags: &[&str]| {
        let mut command = Command::new("prlimit");
        command.arg(format!("--as={bytes}")).arg(env!("CARGO_BIN_EXE_engine"));
        command.args(["run", "-q", "--threads", "2", "-p", &inc]).args(flags);
        fed(
            {
                command.env("XDG_CACHE_HOME", cache.path());
                command
            },
            &input,
        )
    };
    // Compiled the first time, and cached afterwards.
    for flags in [&[][..], &[], &["--isolation", "record"], &["--wall", "off"]] {
        let did = run(4_000_000_000, flags);
        assert!(did.code == Some(0) && did.stdout == right, "{flags:?}: {:?} {}", did.code, did.stderr);
    }
    for megabytes in [1500, 1000, 700, 500, 400, 300] {
        let did = run(megabytes << 20, &[]);
        let works = did.code == Some(0) && did.stdout == right;
        let told = matches!(did.code, Some(1 | 2)) && did.stderr.contains("(raise ulimit -v)");
        assert!(works || told, "{megabytes} MiB: {:?} {}", did.code, did.stderr);
    }
}
