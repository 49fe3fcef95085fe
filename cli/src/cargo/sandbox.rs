//! A sandbox for programs of strangers' crates, made by bubblewrap: nothing of this machine but what it is given.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures_util::future::{OptionFuture, join};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use crate::exit::tell;

/// The home of programs in the sandbox, which is empty.
const HOME: &str = "/tmp/home";

/// The system's programs and libraries, which contain no secrets.
const SYSTEM: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store"];

/// What programs look up in /etc.
const LOOKED_UP: [&str; 3] = ["/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/alternatives"];

/// How names and certificates are found.
const NETWORK: [&str; 7] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
];

/// Each process has 8 GiB of memory and an hour of processor time, files have 2 GiB; there are 4,096 processes.
/// What this shell knows of these is in force before the first program of the crate.
const LIMITS: &str = "ulimit -c 0; ulimit -v 8388608; ulimit -t 3600; ulimit -f 4194304; \
                      ulimit -u 4096 2>/dev/null || ulimit -p 4096 2>/dev/null; \
                      exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; ";

/// The room for what a build writes, in bytes, and for temporary files.
const BUILT: u64 = 4 << 30;
const TEMPORARY: u64 = 1 << 30;

/// A sandbox, as arguments of bubblewrap.
#[derive(Clone)]
pub(super) struct Sandbox {
    bubblewrap: Bubblewrap,
    arguments: Vec<OsString>,
    /// All that programs in it see of an environment. Other users of the machine don't.
    variables: Vec<(OsString, OsString)>,
    network: bool,
}

/// The program, and what it can do that older ones can't.
#[derive(Clone)]
struct Bubblewrap {
    path: PathBuf,
    /// Bound the size of a folder in memory.
    size: bool,
    /// Keep programs from sandboxes of their own, and so from much of the kernel.
    disable_userns: bool,
}

impl Sandbox {
    /// One that has the system's programs, if this machine can have any.
    pub(super) fn new() -> anyhow::Result<Self> {
        let bubblewrap = Bubblewrap::find()?;
        let mut new = Self { bubblewrap, arguments: Vec::new(), variables: Vec::new(), network: false };
        for path in SYSTEM.map(Path::new) {
            match fs::read_link(path) {
                Ok(target) => new.add("--symlink", [target.as_os_str(), path.as_os_str()]),
                Err(_) => new.read(path, path),
            }
        }
        LOOKED_UP.iter().for_each(|path| new.read(path.as_ref(), path.as_ref()));
        new.add("--proc", ["/proc"]);
        new.guard_kernel();
        new.add("--dev", ["/dev"]);
        new.memory("/tmp".as_ref(), TEMPORARY);
        new.add("--dir", [HOME]);
        new.variable("HOME", HOME);
        new.check()?;
        Ok(new)
    }

    /// Hides the kernel's settings and files that not everybody may read. Programs of root could otherwise change
    /// them without any capability, because root owns the files.
    fn guard_kernel(&mut self) {
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let is_process = entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
            let Ok(known) = entry.metadata() else { continue };
            if known.is_dir() && !is_process {
                self.read(&entry.path(), &entry.path());
            } else if known.is_file() && !is_harmless(&known) {
                self.read("/dev/null".as_ref(), &entry.path());
            }
        }
    }

    /// The same, with the network as it is, and what is needed to reach it.
    pub(super) fn with_network(mut self, variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        self.network = true;
        NETWORK.iter().for_each(|path| self.read(path.as_ref(), path.as_ref()));
        for (name, value) in variables {
            if Path::new(&value).is_absolute() {
                self.read(value.as_ref(), value.as_ref());
            }
            self.variable(name, value);
        }
        self
    }

    /// Lets it read a file or a folder, if it is there.
    pub(super) fn read(&mut self, from: &Path, at: &Path) {
        self.add("--ro-bind-try", [from, at]);
    }

    /// Lets it write to one.
    pub(super) fn write(&mut self, from: &Path, at: &Path) {
        self.add("--bind", [from, at]);
    }

    /// An empty folder that goes with the sandbox.
    pub(super) fn room(&mut self, at: &Path) {
        self.memory(at, BUILT);
    }

    pub(super) fn link(&mut self, target: &Path, at: &Path) {
        self.add("--symlink", [target, at]);
    }

    pub(super) fn variable(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
    }

    fn memory(&mut self, at: &Path, size: u64) {
        if self.bubblewrap.size {
            self.add("--size", [size.to_string()]);
        }
        self.add("--tmpfs", [at]);
    }

    fn add(&mut self, option: &str, values: impl IntoIterator<Item = impl AsRef<OsStr>>) {
        self.arguments.push(option.into());
        self.arguments.extend(values.into_iter().map(|value| value.as_ref().to_owned()));
    }

    /// Fails where a sandbox can't be made.
    fn check(&self) -> anyhow::Result<()> {
        let tried = self.command(Path::new("/"), "exit 0", &[]).stderr(Stdio::piped()).output();
        let tried = tried.context("can't run bwrap")?;
        if tried.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&tried.stderr);
        bail!("--sandbox: there can be no sandbox here: {}", said.lines().next().unwrap_or("bwrap fails"))
    }

    /// A script of the shell in the sandbox, with its arguments.
    fn command(&self, folder: &Path, script: &str, arguments: &[&OsStr]) -> Command {
        let mut bwrap = Command::new(&self.bubblewrap.path);
        bwrap.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        bwrap.args(["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts"]);
        bwrap.args(["--unshare-cgroup-try", "--hostname", "sandbox", "--uid", "1000", "--gid", "1000"]);
        bwrap.args(["--cap-drop", "ALL", "--die-with-parent", "--new-session"]);
        if !self.network {
            bwrap.arg("--unshare-net");
        }
        if self.bubblewrap.disable_userns {
            bwrap.arg("--disable-userns");
        }
        bwrap.args(&self.arguments).args(["--remount-ro", "/", "--chdir"]).arg(folder);
        bwrap.args(["--", "/bin/sh", "-c"]).arg(format!("{LIMITS}{script}")).arg("sh").args(arguments);
        bwrap.current_dir("/").stdin(Stdio::null());
        bwrap
    }

    /// Runs a script. What it says goes to stderr if it is `heard`, made harmless; what it writes
    /// to stdout is returned.
    ///
    /// When it ends, so do all processes that it began.
    pub(super) fn run(&self, run: &SandboxedCommand) -> anyhow::Result<Ended> {
        crate::threads::runtime()?.block_on(async {
            let ended = tokio::time::timeout(run.timeout, self.run_to_its_end(run)).await;
            ended.unwrap_or(Ok(Ended::Late))
        })
    }

    async fn run_to_its_end(&self, run: &SandboxedCommand<'_>) -> anyhow::Result<Ended> {
        let mut command = self.command(run.folder, run.script, run.arguments);
        let stderr = if run.heard { Stdio::piped() } else { Stdio::null() };
        command.stdout(Stdio::piped()).stderr(stderr);
        let child = tokio::process::Command::from(command).kill_on_drop(true).spawn();
        let mut child = child.context("can't run bwrap")?;
        let stdout = child.stdout.take().context("bwrap has no output")?;
        let told = OptionFuture::from(child.stderr.take().map(pass_on));
        let (output, _) = join(read(stdout, run.most), told).await;
        let status = child.wait().await.context("can't wait for bwrap")?;
        Ok(if status.success() { Ended::Well(output?) } else { Ended::Failed })
    }
}

/// Whether all users may read a file, and none may write to it.
#[cfg(unix)]
fn is_harmless(known: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    known.mode() & 0o222 == 0 && known.mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_harmless(known: &fs::Metadata) -> bool {
    known.permissions().readonly()
}

/// What comes, if it is not too much.
async fn read(stdout: impl AsyncRead + Unpin, most: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = stdout.take(most + 1).read_to_end(&mut bytes).await;
    let length = length.context("can't read what the sandbox gives")?;
    ensure!(length as u64 <= most, "what it gives has more than {most} bytes");
    Ok(bytes)
}

/// What is run in a sandbox.
pub(super) struct SandboxedCommand<'a> {
    /// Where.
    pub(super) folder: &'a Path,
    pub(super) script: &'a str,
    pub(super) arguments: &'a [&'a OsStr],
    /// Whether what it says is passed on.
    pub(super) heard: bool,
    /// How long it may take.
    pub(super) timeout: Duration,
    /// How many bytes it may write to stdout.
    pub(super) most: u64,
}

/// How that ended.
pub(super) enum Ended {
    /// With what it wrote.
    Well(Vec<u8>),
    Failed,
    /// It took too long.
    Late,
}

/// The longest piece of a line that is passed on at once, in bytes.
const PIECE: u64 = 64 << 10;

/// Shows what the sandbox says.
async fn pass_on(stderr: impl AsyncRead + Unpin) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    while (&mut stderr).take(PIECE).read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        tell(format_args!("{}", String::from_utf8_lossy(&line).trim_end_matches('\n')));
        line.clear();
    }
}

impl Bubblewrap {
    fn find() -> anyhow::Result<Self> {
        let missing = "--sandbox needs Linux and bubblewrap: there is no program bwrap here";
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places = std::env::split_paths(&path).map(|folder| folder.join("bwrap"));
        let path = places.find(|path| path.is_absolute() && path.is_file()).context(missing)?;
        let help =
            Command::new(&path).arg("--help").env_clear().current_dir("/").output().context(missing)?;
        let help = String::from_utf8_lossy(&help.stdout);
        let (size, disable_userns) = (help.contains("--size"), help.contains("--disable-userns"));
        Ok(Self { path, size, disable_userns })
    }
}
