//! The command: runs of it, and their results.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

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
    /// Starts it, and waits for its address.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the command starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("it tells where it listens");
        let address = line.trim_end().split(" listens at ").nth(1).expect(&line).to_owned();
        Self { child, stderr, address }
    }

    /// Interrupts it, and waits for its end.
    pub(crate) fn interrupt(self) -> Option<i32> {
        self.interrupt_and_hear().0
    }

    /// Interrupts it, and returns its exit code and what it printed.
    pub(crate) fn interrupt_and_hear(self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().is_ok_and(|status| status.success()));
        let (code, said) = self.ended();
        assert!(said.ends_with("engine: interrupted\n"), "{said}");
        (code, said)
    }

    /// Waits for its end. Returns its exit code and what it printed.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().expect("it ends").code();
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).expect("it tells how it ends");
        (code, rest)
    }

    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
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
