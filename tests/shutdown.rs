//! Shutdown: one signal ends a run in time, whatever hangs; two end it at once.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use engine::sources::Feed;
use engine::{CancellationToken, Error, Source, sinks, sources};
use tokio::net::TcpSocket;
use tokio::sync::mpsc;

use crate::support::{Did, engine, function_of, hostile, plugin};

/// A run with an open stdin.
pub(crate) struct Run(Child);

impl Run {
    fn start(mut command: Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("it starts"))
    }

    /// A run of a pipeline file, in its folder.
    pub(crate) fn of_file(folder: &Path, pipeline: &str, flags: &[&str]) -> Self {
        let file = folder.join("pipeline.toml");
        fs::write(&file, pipeline).unwrap();
        let mut command = engine(["run", "--quiet"]);
        command.args(flags).arg(file).current_dir(folder);
        Self::start(command)
    }

    fn feed(&mut self, text: &str) {
        self.0.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Waits until it handles signals, as far as that is visible.
    fn wait_until_handled(&self, signal: u32) {
        let path = format!("/proc/{}/status", self.0.id());
        let caught = || {
            let status = fs::read_to_string(&path).unwrap();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
            u64::from_str_radix(mask, 16).unwrap() & (1 << (signal - 1)) != 0
        };
        while !caught() {
            // The kernel reports nothing when a handler is set.
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its next output.
    fn printed<const BYTES: usize>(&mut self) -> [u8; BYTES] {
        let mut printed = [0; BYTES];
        self.0.stdout.as_mut().unwrap().read_exact(&mut printed).unwrap();
        printed
    }

    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Its peak memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        most.map_or(0, |most| most.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10)
    }

    /// Its result. Its stdin stays open until it has ended.
    pub(crate) fn ended(mut self) -> Did {
        let stdin = self.0.stdin.take();
        let did = self.0.wait_with_output().unwrap().into();
        drop(stdin);
        did
    }
}

/// A peer that sends only this, and the connections that it has accepted.
fn peer(greeting: &'static str) -> (String, Receiver<TcpStream>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let listener: TcpListener = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        // Small buffers: what it does not read soon has no room.
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(64).unwrap().into_std().unwrap()
    });
    listener.set_nonblocking(false).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (accepted, connections) = channel();
    thread::spawn(move || {
        while let Ok((mut connection, _)) = listener.accept() {
            let _ = connection.write_all(greeting.as_bytes());
            if accepted.send(connection).is_err() {
                return;
            }
        }
    });
    (address, connections)
}

/// The greeting of a NATS server without authentication.
const NATS: &str = "INFO {\"server_id\":\"x\",\"version\":\"2.12.0\",\"max_payload\":1048576,\"headers\":true,\
                    \"jetstream\":true}\r\nPONG\r\n";

#[test]
#[cfg(target_os = "linux")]
fn one_signal_ends_the_run_in_time_whatever_hangs() {
    let megabytes = "x".repeat(16 << 20) + "\n";
    let cases: [(&str, &str, &str, &str, &str); 7] = [
        (
            "",
            "x\n",
            "type = \"websocket\"\nurl = \"ws://ADDRESS/\"",
            "to finish the handshake",
            "the sink websocket",
        ),
        ("", &megabytes, "type = \"tcp\"\naddress = \"ADDRESS\"", "to read anything of what", "the sink tcp"),
        ("", "x\n", "type = \"http\"\nurl = \"http://ADDRESS/\"", "to answer the request", ""),
        (
            "",
            &megabytes,
            "type = \"process\"\ncommand = [\"sh\", \"-c\", \"echo x; sleep 1000\"]",
            "sh to read its input",
            "the sink process",
        ),
        (
            "",
            "x\n",
            "type = \"process\"\ncommand = [\"sh\", \"-c\", \"cat; sleep 1000\"]",
            "sh to read its input",
            "the end of the sink process",
        ),
        (
            "INFO {",
            "x\n",
            "type = \"nats\"\nserver = \"nats://ADDRESS\"\nsubject = \"x\"",
            "to accept a connection and its login",
            "the sink nats",
        ),
        (
            NATS,
            "x\n",
            "type = \"nats\"\nserver = \"nats://ADDRESS\"\nsubject = \"x\"",
            "the sink nats",
            "1 taken in",
        ),
    ];
    thread::scope(|scope| {
        for (greeting, input, sink, waits, where_) in cases {
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let (address, connections) = peer(greeting);
                let sink = sink.replace("ADDRESS", &address);
                let mut run = Run::of_file(
                    folder.path(),
                    &format!("[sources.stdin]\n[sinks.out]\n{sink}\n"),
                    &["--drain-timeout", "1s"],
                );
                let mut stdin = run.0.stdin.take().unwrap();
                let input = input.to_owned();
                // It is not read to its end.
                let feeding = thread::spawn(move || {
                    let _ = stdin.write_all(input.as_bytes());
                    stdin
                });
                // It has begun.
                let _connection = if sink.contains(&address) {
                    Some(connections.recv().unwrap())
                } else {
                    assert_eq!(run.printed(), *b"x");
                    None
                };
                run.signal("-TERM");
                let did = run.ended();
                drop(feeding);
                assert_eq!(did.code, Some(1), "{sink}: {}", did.stderr);
                let said = &did.stderr;
                let begins = "engine: not finished within 1s (--drain-timeout): ";
                assert!(
                    said.contains(begins) && said.contains(waits) && said.contains(where_),
                    "{sink}: {said}"
                );
            });
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_ends_the_wait_for_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.to_str().unwrap();
    let files = format!("[sources.files]\npath = {pipe:?}\n[sinks.stdout]\n");
    let run = Run::of_file(folder.path(), &files, &["--drain-timeout", "0.2s"]);
    run.wait_until_handled(15);
    run.signal("-TERM");
    let did = run.ended();
    assert!(matches!(did.code, Some(1 | 143)), "{:?} {}", did.code, did.stderr);
    let mut command = engine(["run", "-q", "--drain-timeout", "200ms", "-o", pipe, "-p"]);
    command.arg(plugin("inc"));
    let run = Run::start(command);
    run.wait_until_handled(15);
    run.signal("-TERM");
    let did = run.ended();
    assert!(matches!(did.code, Some(1 | 143)), "{:?} {}", did.code, did.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn a_function_that_outlasts_the_drain_is_abandoned_with_its_record() {
    let mut command = engine(["run", "-q", "--drain-timeout", "1s", "--timeout", "1000s", "-p"]);
    command.arg(function_of(&hostile("misdeeds"), "loops"));
    let mut run = Run::start(command);
    run.feed("good\nbad\n");
    assert_eq!(run.printed::<5>(), *b"good\n");
    run.signal("-TERM");
    let did = run.ended();
    assert_eq!(did.code, Some(1), "{}", did.stderr);
    assert!(did.stderr.contains("not finished within 1s (--drain-timeout): "), "{}", did.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn the_file_sets_the_drain_timeout_and_zero_ends_at_once() {
    for (limits, flags, code, said) in [
        ("drain_timeout = \"100ms\"", &[][..], 1, "within 100ms"),
        ("drain_timeout = 0", &[], 143, "within 0s"),
        ("drain_timeout = \"1h\"", &["--drain-timeout", "0"], 143, "within 0s"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (address, connections) = peer("");
        let sink = format!("type = \"websocket\"\nurl = \"ws://{address}/\"");
        let pipeline = format!("[sources.stdin]\n[sinks.out]\n{sink}\n[limits]\n{limits}\n");
        let mut run = Run::of_file(folder.path(), &pipeline, flags);
        run.feed("x\n");
        let _connection = connections.recv().unwrap();
        run.signal("-TERM");
        let did = run.ended();
        assert_eq!(did.code, Some(code), "{limits}: {}", did.stderr);
        assert!(did.stderr.contains(said), "{limits}: {}", did.stderr);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn two_signals_end_the_run_and_its_commands_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline =
        "[sources.stdin]\n[sinks.process]\ncommand = [\"sh\", \"-c\", \"echo $$; exec sleep 1000\"]\n";
    let mut run = Run::of_file(folder.path(), pipeline, &[]);
    run.feed("x\n");
    let mut pid = String::new();
    let mut stdout = run.0.stdout.take().unwrap();
    while !pid.ends_with('\n') {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        pid.push(byte[0].into());
    }
    run.signal("-TERM");
    run.signal("-INT");
    let did = run.ended();
    // Two signals that come together may come in any order.
    assert!(matches!(did.code, Some(130 | 143)), "{:?} {}", did.code, did.stderr);
    let state = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    // Its new parent may not have reaped it yet, which no event reports.
    while !(state().is_empty() || state().contains(") Z ")) {
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_hangup_drains_the_run_unless_it_is_ignored() {
    let command = || {
        let mut command = engine(["run", "-q", "-p"]);
        command.arg(plugin("inc"));
        command
    };
    // The test's own parent may have ignored the signal.
    let mut usual = Command::new("env");
    usual.arg("--default-signal=HUP").arg(command().get_program()).args(command().get_args());
    let mut run = Run::start(usual);
    run.feed("1\n");
    assert_eq!(run.printed::<2>(), *b"2\n");
    run.signal("-HUP");
    let did = run.ended();
    assert_eq!(did.code, Some(129), "{}", did.stderr);
    let mut nohup = Command::new("nohup");
    nohup.arg(command().get_program()).args(command().get_args());
    let mut run = Run::start(nohup);
    run.feed("1\n");
    assert_eq!(run.printed::<2>(), *b"2\n");
    run.signal("-HUP");
    run.feed("2\n");
    drop(run.0.stdin.take());
    let did = run.ended();
    assert_eq!((did.code, &*did.stdout), (Some(0), "3\n"), "{}", did.stderr);
}

#[cfg(unix)]
#[test]
fn the_cpu_time_limit_drains_a_run() {
    let mut command = engine(["run", "-p"]);
    command.arg(plugin("inc"));
    let mut run = Run::start(command);
    run.feed("1\n");
    assert_eq!(run.printed::<2>(), *b"2\n");
    // The system sends it each second.
    (0..3).for_each(|_| run.signal("-XCPU"));
    let did = run.ended();
    assert_eq!(did.code, Some(152), "{}", did.stderr);
    assert!(did.stderr.contains("engine: the limit on processor time is reached"), "{}", did.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_exceeds_its_cpu_time_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let mut run = Command::new("sh");
    run.args(["-c", "ulimit -S -t 2; yes 1 | \"$0\" run --json -p \"$1\" -o \"$2\""]);
    run.arg(env!("CARGO_BIN_EXE_engine")).arg(plugin("inc")).arg(&output);
    let did = Did::from(run.output().unwrap());
    assert_eq!(did.code, Some(152), "{}", did.stderr);
    let summary: serde_json::Value = serde_json::from_str(did.stderr.trim()).unwrap();
    let lines = fs::read_to_string(&output).unwrap();
    assert_eq!(lines.lines().count() as u64, summary["records_in"].as_u64().unwrap(), "{summary:#}");
    assert!(lines.lines().all(|line| line == "2"));
}

/// The address at the end of the next line that has one.
fn next_address(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if let Some(at) = line.find("127.0.0.1:") {
            return line[at..].trim_end().split('/').next().unwrap().to_owned();
        }
        line.clear();
    }
    panic!("it tells no address")
}

#[test]
#[cfg(target_os = "linux")]
fn a_thousand_stalled_clients_take_little_memory_and_delay_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = "[sources.http]\naddress = \"127.0.0.1:0\"\n[sources.tcp]\naddress = \"127.0.0.1:0\"\n\
                    [stages.union]\nfrom = [\"http\", \"tcp\"]\n[sinks.stdout]\n";
    let mut run = Run::of_file(folder.path(), pipeline, &["--dashboard", "127.0.0.1:0"]);
    let mut stderr = BufReader::new(run.0.stderr.take().unwrap());
    let addresses = [(); 3].map(|()| next_address(&mut stderr));
    let said = ["", "POST / HT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"];
    let begun = run.memory();
    let mut clients = Vec::new();
    for client in 0..1000 {
        let mut connection = TcpStream::connect(&addresses[client % 3]).unwrap();
        connection.write_all(said[client % 7 % 3].as_bytes()).unwrap();
        clients.push(connection);
    }
    let grown = run.memory().saturating_sub(begun);
    assert!(grown < 64 << 20, "{grown} bytes");
    run.signal("-TERM");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(run.ended().code, Some(143), "{rest}");
    drop(clients);
}

/// A sink that delivers what it holds when the test says so.
struct Slow {
    pausing: mpsc::Sender<tokio::sync::oneshot::Sender<()>>,
    /// Sends once it gets a record: a source may pause before it has read one.
    has_some: bool,
}

impl sinks::Consumer<String> for Slow {
    async fn take(&mut self, _: String) -> Result<(), sinks::Refusal> {
        self.has_some = true;
        Ok(())
    }

    async fn pause(&mut self) -> Result<(), Error> {
        if !self.has_some {
            return Ok(());
        }
        let (done, wait) = tokio::sync::oneshot::channel();
        let _ = self.pausing.send(done).await;
        let _ = wait.await;
        Ok(())
    }
}

#[tokio::test]
async fn a_stop_does_not_interrupt_a_sink_call() {
    let (pausing, mut paused) = mpsc::channel(1);
    let (source, stop) = (Source::new(), CancellationToken::new());
    source.stream().sink(sinks::consumer(Slow { pausing, has_some: false }));
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"1\n").unwrap();
    let stopping = async {
        let done = paused.recv().await.unwrap();
        stop.cancel();
        tokio::task::yield_now().await;
        done.send(()).unwrap();
        paused.close();
    };
    let (fed, ()) = tokio::join!(sources::lines(reader).feed(&source, &stop), stopping);
    fed.unwrap();
    source.close().await.unwrap();
    assert_eq!(source.progress().counts().delivered, 1);
}
