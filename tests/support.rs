//! Helpers for plugins, streams and commands.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex};

use engine::policy::DeadLetter;
use engine::{Error, FaultPolicy, Function, Pool, Record, Source, Stream};
use proptest::test_runner::{Config as ProptestConfig, RngAlgorithm, TestRng, TestRunner};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("cli/ is in the repository").to_owned()
}

/// Where the plugins of a workspace were built, after building them once.
fn built(workspace: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(workspace.replace('/', "-"));
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--workspace", "--target", "wasm32-wasip2", "--target-dir"])
        .arg(&target)
        .current_dir(root().join(workspace))
        .env_remove("RUSTFLAGS")
        .status();
    assert!(
        status.expect("cargo runs").success(),
        "{workspace} does not build: rustup target add wasm32-wasip2"
    );
    target.join("wasm32-wasip2").join("release")
}

/// The component of an example plugin.
pub(crate) fn plugin(name: &str) -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| built("plugins"));
    BUILT.join(name.replace('-', "_")).with_extension("wasm")
}

/// The component of a plugin that misbehaves.
pub(crate) fn hostile(name: &str) -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| built("plugins/hostile"));
    BUILT.join(name.replace('-', "_")).with_extension("wasm")
}

/// `FILE:FUNCTION`, for the command line.
pub(crate) fn function_of(plugin: &Path, function: &str) -> String {
    format!("{}:{function}", plugin.display())
}

/// The function of a plugin that has just one.
pub(crate) fn only<I: Record, O: Record>(pool: &Pool, name: &str) -> Function<I, O> {
    pool.blocking_load(plugin(name)).expect("it loads").only_function().expect("it has one function")
}

/// A function of the plugin that misbehaves in many ways.
pub(crate) fn misbehaving<I: Record, O: Record>(pool: &Pool, name: &str) -> Function<I, O> {
    pool.blocking_load(hostile("misdeeds")).expect("it loads").function(name).expect("it has the function")
}

/// The elements that reached a run's sink, and how it ended.
pub(crate) type Ran<T> = (Vec<T>, Result<(), Error>);

/// Emits `inputs` into the graph that `build` makes, and closes it.
pub(crate) async fn ran<T, U>(
    inputs: impl IntoIterator<Item = T>,
    build: impl FnOnce(Stream<T>) -> Stream<U>,
) -> Ran<U>
where
    T: Clone + Send + 'static,
    U: Clone + Send + 'static,
{
    let source = Source::new();
    let (outputs, list) = list();
    build(source.stream()).sink(move |x: U| list.lock().expect("no panic").push(x));
    let mut emitted = Ok(());
    for input in inputs {
        emitted = source.emit(input).await;
        if emitted.is_err() {
            break;
        }
    }
    let ended = source.close().await.and(emitted);
    let outputs = std::mem::take(&mut *outputs.lock().expect("no panic"));
    (outputs, ended)
}

/// The elements that a sink collects.
pub(crate) type List<T> = Arc<Mutex<Vec<T>>>;

/// A list that a sink fills, and a second handle to it.
pub(crate) fn list<T>() -> (List<T>, List<T>) {
    let list = Arc::new(Mutex::new(Vec::new()));
    (list.clone(), list)
}

/// Dead letters.
#[derive(Clone, Default)]
pub(crate) struct Letters(Arc<Mutex<Vec<DeadLetter>>>);

impl Letters {
    pub(crate) fn read(&self) -> Vec<DeadLetter> {
        self.0.lock().unwrap().clone()
    }
}

/// A policy that diverts records, and its dead letters.
pub(crate) fn divert_to_list() -> (FaultPolicy, Letters) {
    let letters = Letters::default();
    let list = letters.clone();
    let policy = FaultPolicy::divert(move |letter| {
        list.0.lock().unwrap().push(letter);
        Ok(())
    });
    (policy, letters)
}

/// The command, with these arguments.
pub(crate) fn engine(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engine"));
    command.args(args).env_remove("CARGO_TARGET_DIR").stdin(Stdio::null());
    command
}

/// The result of a command.
pub(crate) struct Did {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Did {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a command that reads `input`.
pub(crate) fn fed(mut command: Command, input: impl AsRef<[u8]>) -> Did {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.as_ref().to_vec();
    // A command that fails early does not read all of it.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the command ends");
    writer.join().expect("writing does not panic");
    output.into()
}

/// A run that listens, with the address that it prints.
pub(crate) struct Listening {
    child: Child,
    stderr: BufReader<ChildStderr>,
    pub(crate) address: String,
}

impl Listening {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the command starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("it tells where it listens");
        let address = line.trim_end().split(" listens at ").nth(1).expect(&line).to_owned();
        Self { child, stderr, address }
    }

    /// Interrupts it, and waits for its end.
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().is_ok_and(|status| status.success()));
        let code = self.child.wait().expect("it ends").code();
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).expect("it tells how it ends");
        assert!(rest.ends_with("engine: interrupted\n"), "{rest}");
        code
    }
}

/// The answer to a posted body.
pub(crate) fn posted(address: &str, path: &str, content_type: &str, body: &str) -> String {
    let mut client = TcpStream::connect(address).expect("it listens");
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.0\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n");
    client.write_all(head.as_bytes()).and_then(|()| client.write_all(body.as_bytes())).expect("it reads");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it answers");
    answer
}

/// Runs a property this many times, with the seed `ENGINE_SEED` or a new one. The seed is printed, and shown if
/// the test fails.
#[expect(clippy::print_stdout, reason = "who repeats a failure needs it")]
pub(crate) fn runner(cases: u32) -> TestRunner {
    let new = || std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), 0);
    let given = std::env::var("ENGINE_SEED").ok();
    let seed = given.map_or_else(new, |seed| seed.parse().expect("ENGINE_SEED is a number"));
    println!("ENGINE_SEED={seed}");
    let seed = [u64::to_le_bytes(seed); 4].concat();
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}
