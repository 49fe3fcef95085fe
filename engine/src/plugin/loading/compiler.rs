//! Compiling in a process of its own: what a compiler can't be told to stop, the system can.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::Engine;

use crate::error::{Error, NotAPlugin};
use crate::plugin::loaded::Compilation;
use crate::plugin::loading::cache::Entry;
use crate::plugin::runtime;
use crate::process::{HowItEnded, Program, WaitedFor, was_ended_from_outside};
use crate::threads;

/// The most threads that compile.
const THREADS: usize = 8;

/// The first byte that the child writes; the memory that it took comes next, the length of the result,
/// and then that.
const DONE: u8 = 1;
const DAMAGED: u8 = 2;
/// The system lacks something that it takes.
const SHORT: u8 = 3;
/// It took too long.
const SLOW: u8 = 4;
/// It took too much memory.
const LARGE: u8 = 5;

/// How many bytes stand before the result.
const HEAD: u64 = 17;

/// The exit code of a compiler that took too long, as `timeout` has it.
const OVERDUE: i32 = 124;

/// A program that compiles plugins in a process of its own, with limits on time and memory.
///
/// Compiling is the one thing that foreign bytes make the host do at length: without such a program it
/// happens in this process, bounded by the size of the plugin's file alone. Any program will do whose
/// `main` calls [`Compiler::serve`] for these arguments; the command `engine` does so for `compile`.
#[derive(Clone, Debug)]
pub struct Compiler {
    program: PathBuf,
    arguments: Vec<OsString>,
    timeout: Duration,
    memory: usize,
    keeps: bool,
}

/// The machine code of a component.
pub(in crate::plugin) struct Compiled {
    pub(in crate::plugin) code: Vec<u8>,
    pub(in crate::plugin) resident: Option<u64>,
}

impl Compiler {
    /// Compiles by `program`, called with `arguments`.
    #[must_use]
    pub fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            timeout: Duration::from_secs(60),
            memory: 2 << 30,
            keeps: false,
        }
    }

    /// The program keeps what it compiles in the cache: its `main` calls [`serve_and_keep`](Self::serve_and_keep).
    /// For a process behind a [wall](crate::wall), which must not write code that others run.
    #[must_use]
    pub fn keeping(mut self) -> Self {
        self.keeps = true;
        self
    }

    /// How long compiling one plugin may take; 60 s if not said. One that carries a Python takes some 11 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How much memory it may take, in bytes; 2 GiB if not said. On Linux only.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// The program that compiles, as it is started.
    #[must_use]
    pub fn program(&self) -> Program {
        let words = std::iter::once(self.program.clone().into()).chain(self.arguments.iter().cloned());
        // Without memory a backtrace can't be told, and whoever tries waits for ever.
        Program::new(words)
            .variable("RAYON_NUM_THREADS", compiling_threads().to_string())
            .variable("RUST_BACKTRACE", "0")
    }

    /// The machine code of a component.
    pub(in crate::plugin) fn compile(&self, wasm: &[u8]) -> Result<Compiled, NotAPlugin> {
        let failed = |error: io::Error| NotAPlugin::NotCompiled { reason: error.to_string() };
        let mut child = WaitedFor::start(&self.program()).map_err(not_started)?;
        let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(NotAPlugin::NotCompiled { reason: "it has no pipes".to_owned() });
        };
        let (done, result) = sync_channel(1);
        let begin = Beginning { memory: self.memory as u64, time: self.timeout, length: wasm.len() as u64 };
        thread::scope(|scope| {
            // Both end with the child. Its stdin stays open, by which it knows that it is waited for.
            let write = move || {
                let _ = stdin.write_all(&begin.bytes()).and_then(|()| stdin.write_all(wasm));
                stdin
            };
            // It has no more memory than that to make its result in, unless it is not what was started.
            let most = (self.memory as u64).saturating_add(HEAD);
            let read = move || {
                let mut bytes = Vec::new();
                let _ = done.send((&mut stdout).take(most).read_to_end(&mut bytes).map(|_| bytes));
            };
            let started = thread::Builder::new()
                .spawn_scoped(scope, write)
                .and_then(|writing| Ok((writing, thread::Builder::new().spawn_scoped(scope, read)?)));
            let (writing, reading) = match started {
                Ok(threads) => threads,
                Err(error) => {
                    // What was started ends with the child.
                    drop(child);
                    return Err(not_started(error));
                }
            };
            let answer = match result.recv_timeout(self.timeout) {
                Ok(Ok(bytes)) => self.read(&bytes).unwrap_or_else(|| Err(self.without_result(child.end()))),
                Ok(Err(error)) => Err(failed(error)),
                Err(RecvTimeoutError::Timeout) => Err(NotAPlugin::SlowToCompile { limit: self.timeout }),
                Err(RecvTimeoutError::Disconnected) => {
                    Err(NotAPlugin::NotCompiled { reason: "its result is lost".to_owned() })
                }
            };
            drop(child);
            // They are gone for the system too: a wall may be raised now, which wants no other thread.
            drop((writing.join(), reading.join()));
            answer
        })
    }

    /// What took `time` under these limits.
    pub(in crate::plugin) fn compilation(&self, time: Duration, resident: Option<u64>) -> Compilation {
        let (timeout, memory_limit) = (Some(self.timeout), Some(self.memory as u64));
        Compilation { time, timeout, resident, memory_limit }
    }

    /// The child's answer, if it is whole.
    fn read(&self, bytes: &[u8]) -> Option<Result<Compiled, NotAPlugin>> {
        let (kind, rest) = bytes.split_first()?;
        let (memory, rest) = rest.split_first_chunk()?;
        let (length, result) = rest.split_first_chunk()?;
        if u64::from_le_bytes(*length) != result.len() as u64 {
            return None;
        }
        let (memory, reason) = (u64::from_le_bytes(*memory), || String::from_utf8_lossy(result).into_owned());
        Some(match *kind {
            DONE => Ok(Compiled { code: result.to_vec(), resident: (memory > 0).then_some(memory) }),
            DAMAGED => Err(NotAPlugin::Damaged { reason: reason() }),
            SHORT => Err(NotAPlugin::NotCompiled { reason: reason() }),
            SLOW => Err(NotAPlugin::SlowToCompile { limit: self.timeout }),
            LARGE => Err(NotAPlugin::LargeToCompile { limit: self.memory }),
            _ => return None,
        })
    }

    /// Why the child has ended without an answer. At the limit on memory it aborts or panics.
    fn without_result(&self, ended: io::Result<std::process::ExitStatus>) -> NotAPlugin {
        match ended {
            Ok(status) if was_ended_from_outside(status) => {
                NotAPlugin::CompilerKilled { how: HowItEnded(status).to_string() }
            }
            Ok(status) if status.code() == Some(OVERDUE) => NotAPlugin::SlowToCompile { limit: self.timeout },
            Ok(_) => NotAPlugin::LargeToCompile { limit: self.memory },
            Err(error) => not_started(error),
        }
    }

    /// Whether the program keeps what it compiles.
    pub(in crate::plugin) fn keeps(&self) -> bool {
        self.keeps
    }

    /// What the program of one that [keeps](Self::keeping) does: has what comes on stdin compiled by this compiler,
    /// keeps it in the cache, and writes it to stdout. It takes no more than `longest` bytes of a plugin, and no limits
    /// but this compiler's: who asks for it may be a function that broke out of its sandbox.
    ///
    /// # Errors
    ///
    /// If stdin can't be read or stdout not be written.
    pub fn serve_and_keep(&self, longest: u64) -> io::Result<()> {
        let begin = Beginning::read()?;
        if begin.length > longest {
            return answer(LARGE, None, &[]);
        }
        let wasm = begin.component()?;
        // If it can't be started, this ends when the answer can't be written.
        let _ = end_with_parent(self.timeout.saturating_mul(2));
        match self.compile(&wasm) {
            Ok(Compiled { code, resident }) => {
                let engine = Engine::new(&runtime::config()).map_err(io::Error::other)?;
                if let Some(entry) = Entry::new(&engine, &blake3::hash(&wasm)) {
                    entry.write(&code);
                }
                answer(DONE, resident, &code)
            }
            Err(NotAPlugin::Damaged { reason }) => answer(DAMAGED, None, reason.as_bytes()),
            Err(NotAPlugin::SlowToCompile { .. }) => answer(SLOW, None, &[]),
            Err(NotAPlugin::LargeToCompile { .. }) => answer(LARGE, None, &[]),
            Err(error) => answer(SHORT, None, error.to_string().as_bytes()),
        }
    }

    /// What the program does: compiles what comes on stdin, and writes the result to stdout.
    ///
    /// # Errors
    ///
    /// If stdin can't be read or stdout not be written.
    pub fn serve() -> io::Result<()> {
        let begin = Beginning::read()?;
        let ending = end_with_parent(begin.time);
        let mut config = runtime::config();
        config.parallel_compilation(threads::need(compiling_threads()).is_ok());
        bound_memory(begin.memory);
        let wasm = begin.component()?;
        let (bytes, kind) = match ending {
            Ok(()) => match Engine::new(&config).and_then(|engine| engine.precompile_component(&wasm)) {
                Ok(code) => (code, DONE),
                Err(error) => (crate::plugin::loading::load::last_line(&error).into_bytes(), DAMAGED),
            },
            Err(error) => (Error::thread(error).to_string().into_bytes(), SHORT),
        };
        answer(kind, most_memory(), &bytes)
    }
}

/// What comes on the child's stdin before the component.
struct Beginning {
    /// The most that it may take, in bytes.
    memory: u64,
    /// How long it may take.
    time: Duration,
    /// How long the component is, in bytes.
    length: u64,
}

impl Beginning {
    fn bytes(&self) -> Vec<u8> {
        let time = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        [self.memory, time, self.length].map(u64::to_le_bytes).concat()
    }

    fn read() -> io::Result<Self> {
        let mut bytes = [[0; 8]; 3];
        bytes.iter_mut().try_for_each(|bytes| io::stdin().lock().read_exact(bytes))?;
        let [memory, time, length] = bytes.map(u64::from_le_bytes);
        Ok(Self { memory, time: Duration::from_millis(time), length })
    }

    /// The component that follows.
    fn component(&self) -> io::Result<Vec<u8>> {
        let mut wasm = Vec::new();
        io::stdin().lock().take(self.length).read_to_end(&mut wasm)?;
        let is_whole = wasm.len() as u64 == self.length;
        is_whole.then_some(wasm).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Ends this process when the other end of its stdin is closed, since nothing waits for it any more, and when it takes
/// too long.
fn end_with_parent(time: Duration) -> io::Result<()> {
    let watch = move || {
        wait_for_parent(Instant::now().checked_add(time));
        std::process::exit(OVERDUE);
    };
    thread::Builder::new().stack_size(64 << 10).spawn(watch).map(drop)
}

/// Waits until the other end of stdin is closed, or until `end`.
fn wait_for_parent(end: Option<Instant>) {
    let left = || end.map(|end| end.saturating_duration_since(Instant::now()));
    #[cfg(unix)]
    {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let stdin = io::stdin();
        loop {
            let left = left();
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            // Whatever was asked for, a pipe says when its other end is closed.
            let heard = poll(&mut [PollFd::new(&stdin, PollFlags::empty())], timeout.as_ref());
            match heard {
                Ok(0) | Err(rustix::io::Errno::INTR) if left.is_none_or(|left| !left.is_zero()) => {}
                _ => return,
            }
        }
    }
    #[cfg(not(unix))]
    thread::sleep(left().unwrap_or(Duration::MAX));
}

/// Writes a result to stdout: with its length, so that half a result is none.
fn answer(kind: u8, resident: Option<u64>, result: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(&[kind])?;
    stdout.write_all(&resident.unwrap_or(0).to_le_bytes())?;
    stdout.write_all(&(result.len() as u64).to_le_bytes())?;
    stdout.write_all(result)?;
    stdout.flush()
}

/// How many threads compile: more take more memory than they save time.
fn compiling_threads() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS))
}

/// Why there is no process that compiles, or no thread that talks to it.
fn not_started(error: io::Error) -> NotAPlugin {
    let reason = match error.kind() {
        io::ErrorKind::WouldBlock => Error::thread(error).to_string(),
        _ => error.to_string(),
    };
    NotAPlugin::NotCompiled { reason }
}

/// The most memory that this process held at once, in bytes, where the system tells.
fn most_memory() -> Option<u64> {
    let status = crate::files::read_at_most(Path::new("/proc/self/status"), 64 << 10).ok()?;
    let status = String::from_utf8(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes << 10)
}

/// Lets this process have no more than `bytes` of memory that it can write to.
fn bound_memory(bytes: u64) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // Where it is not allowed there is still the limit on time.
        let _ = setrlimit(Resource::Data, Rlimit { current: Some(bytes), maximum: Some(bytes) });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = bytes;
}
