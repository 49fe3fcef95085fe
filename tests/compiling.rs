//! What happens to the process that compiles, and what is said of it.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Did, engine, function_of, hostile};

/// A run whose plugin is being compiled: its compiler is held up.
struct Compiling {
    run: Child,
    compiler: u32,
    /// Empty, so that the plugin has to be compiled.
    _cache: tempfile::TempDir,
}

impl Compiling {
    fn start(wall: &str) -> Self {
        loop {
            let cache = tempfile::tempdir().unwrap();
            let run = engine(["run", "-q", "--wall", wall, "-p", &function_of(&hostile("misdeeds"), "same")]);
            // A shell's jobs in the background ignore interrupts, and so would all that they start.
            let mut command = Command::new("env");
            command.arg("--default-signal=INT").arg(run.get_program()).args(run.get_args());
            command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command.env("XDG_CACHE_HOME", cache.path());
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut run = command.spawn().unwrap();
            let mark = format!("XDG_CACHE_HOME={}", cache.path().display());
            while run.try_wait().unwrap().is_none() {
                let Some(compiler) = compiler(&mark) else { continue };
                // It may have ended meanwhile.
                if signal("STOP", compiler) && is_running(compiler) {
                    return Self { run, compiler, _cache: cache };
                }
            }
        }
    }

    fn end(self) -> (Did, Option<i32>) {
        let ended = self.run.wait_with_output().unwrap();
        let by = ended.status.signal();
        (ended.into(), by)
    }
}

/// The process that compiles for the run with this variable.
fn compiler(mark: &str) -> Option<u32> {
    let ours = |id: &u32| {
        let read = |name: &str| fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
        let has =
            |bytes: Vec<u8>, word: &str| bytes.split(|byte| *byte == 0).any(|part| part == word.as_bytes());
        has(read("cmdline"), "compile") && has(read("environ"), mark)
    };
    let processes = fs::read_dir("/proc").unwrap();
    processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).find(ours)
}

fn signal(name: &str, process: u32) -> bool {
    let args = [format!("-{name}"), process.to_string()];
    Command::new("kill").args(args).stderr(Stdio::null()).status().unwrap().success()
}

/// Whether a process is there, and is not a zombie.
fn is_running(process: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    state.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

#[test]
fn a_compiler_that_the_system_kills_is_told_as_such() {
    for wall in ["on", "off"] {
        let compiling = Compiling::start(wall);
        assert!(signal("KILL", compiling.compiler));
        let (did, _) = compiling.end();
        let told = "misdeeds.wasm can't be compiled: its compiler was killed by signal 9 (SIGKILL), which the system \
                    also sends when memory runs out: run again\n";
        assert!(did.code == Some(2) && did.stderr.ends_with(told), "{wall}: {}", did.stderr);
    }
}

#[test]
fn an_interrupt_during_a_compile_ends_the_run_and_the_compiler() {
    for wall in ["on", "off"] {
        let mut compiling = Compiling::start(wall);
        let compiler = compiling.compiler;
        // On a busy machine the first one may come at a moment that this test is not about.
        for _ in 0..5 {
            signal("INT", compiling.run.id());
            let begun = Instant::now();
            while compiling.run.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(5) {
                std::thread::yield_now();
            }
        }
        let (did, by) = compiling.end();
        // A shell gives 130 for both.
        assert!(did.code == Some(130) || by == Some(2), "{wall}: {:?} {by:?} {}", did.code, did.stderr);
        assert!(!did.stderr.contains("compile"), "{}", did.stderr);
        signal("CONT", compiler);
        let begun = Instant::now();
        while is_running(compiler) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{wall}: the compiler is left");
            std::thread::yield_now();
        }
    }
}
