//! `engine build --sandbox`: a stranger's crate can do nothing but become a component.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Did, engine, fed};

/// A build script that tries to escape, and reports which attempts succeeded.
const ATTEMPTS: &str = r#"
use std::{env, fs, net, path, process};

fn report(what: &str, could: bool) {
    println!("cargo::warning={} {what}", if could { "COULD" } else { "tried to" });
}

fn says(path: impl AsRef<path::Path>, word: &str) -> bool {
    fs::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(word))
}

fn main() {
    report("read a key by its path", says("KEYS/id_ed25519", "SECRET"));
    let home = env::var("HOME").unwrap_or_default();
    report("read a key at home", says(path::Path::new(&home).join(".ssh/id_ed25519"), "SECRET"));
    report("read where a lock file's link leads", says("Cargo.lock", "SECRET"));
    report("find a secret in the environment", env::vars().any(|(_, value)| value.contains("SECRET")));
    let processes = || fs::read_dir("/proc").into_iter().flatten().flatten();
    report("find one of another process", processes().any(|process| says(process.path().join("environ"), "SECRET")));
    report("see other processes", processes().any(|process| says(process.path().join("cmdline"), "ENGINE")));
    report("write to a folder", fs::write("OUTSIDE/written", "").is_ok());
    report("change the crate", fs::write("src/lib.rs", "").is_ok() || fs::write("Cargo.toml", "").is_ok());
    report("add to the crate's sources", fs::write("src/more.rs", "").is_ok());
    let mut write = fs::OpenOptions::new();
    report("change the kernel's settings", write.write(true).open("/proc/sys/kernel/core_pattern").is_ok());
    report("connect to this machine", net::TcpStream::connect("ADDRESS").is_ok());
    report("connect to another", net::TcpStream::connect("192.0.2.1:80").is_ok());
    let mut unshare = process::Command::new("unshare");
    report("make a sandbox of its own", unshare.args(["--user", "true"]).status().is_ok_and(|ended| ended.success()));
    let mut daemon = process::Command::new("setsid");
    daemon.args(["sleep", "DAEMON"]).stdout(process::Stdio::null()).stderr(process::Stdio::null()).spawn().unwrap();
    println!("cargo::warning=\u{1b}[31mred");
    println!("cargo::warning=was at it");
}
"#;

/// Whether this machine supports sandboxes. CI does.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn can_be() -> bool {
    let mut bwrap = Command::new("bwrap");
    bwrap.args(["--unshare-user", "--ro-bind", "/", "/", "true"]).stderr(Stdio::null());
    let can = bwrap.status().is_ok_and(|status| status.success());
    if !can {
        println!("skipped: there is no bubblewrap here that can make a sandbox");
    }
    can
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The processes of this machine that have a word among their arguments.
fn processes_with(word: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let has = |path: PathBuf| {
        fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(word))
    };
    processes.filter(|process| has(process.path())).count()
}

#[test]
fn a_strangers_build_script_reaches_nothing() {
    if !can_be() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("home/.ssh/id_ed25519"), "SECRET");
    write(&at("outside/kept"), "");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let daemon = format!("98765.{}", std::process::id());
    let script = ATTEMPTS
        .replace("KEYS", &at("home/.ssh").display().to_string())
        .replace("OUTSIDE", &at("outside").display().to_string())
        .replace("ADDRESS", &listener.local_addr().unwrap().to_string())
        .replace("ENGINE", env!("CARGO_BIN_EXE_engine"))
        .replace("DAEMON", &daemon);
    write(&at("it/build.rs"), &script);
    write(
        &at("it/Cargo.toml"),
        "[package]\nname = \"it\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n",
    );
    write(&at("it/src/lib.rs"), "");
    std::os::unix::fs::symlink(at("home/.ssh/id_ed25519"), at("it/Cargo.lock")).unwrap();

    let mut build = engine(["build", "--sandbox", "it"]);
    let real = std::env::home_dir().unwrap();
    let rust = |name: &str, folder: &str| std::env::var_os(name).unwrap_or_else(|| real.join(folder).into());
    build.env("CARGO_HOME", rust("CARGO_HOME", ".cargo")).env("RUSTUP_HOME", rust("RUSTUP_HOME", ".rustup"));
    build.env("HOME", at("home")).env("TOKEN", "SECRET").current_dir(&folder);
    let Did { code, stderr, .. } = fed(build, "");
    assert!(!stderr.contains("COULD") && !stderr.contains('\x1b'), "{stderr}");
    assert!(stderr.contains("was at it") && stderr.matches("tried to").count() == 13, "{stderr}");
    // The result is not a plugin, so no file is left.
    assert_eq!((code, at("it.wasm").exists()), (Some(2), false), "{stderr}");
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(processes_with(&daemon), 0);
    let names =
        |name| fs::read_dir(at(name)).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!((names("outside").len(), names("it").len(), names("it/src").len()), (1, 4, 1));
}

#[test]
fn a_sandboxed_build_gives_the_same_component() {
    if !can_be() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = engine(args);
        command
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("made"));
        let did = fed(command, "");
        assert_eq!(did.code, Some(0), "{}", did.stderr);
    };
    run(&["new", "honest"]);
    run(&["build", "--quiet", "honest"]);
    let built = fs::read(folder.path().join("honest.wasm")).unwrap();
    run(&["build", "--quiet", "--sandbox", "honest", "-o", "sandboxed.wasm"]);
    assert!(fs::read(folder.path().join("sandboxed.wasm")).unwrap() == built);
}

#[test]
fn a_build_that_never_ends_is_killed() {
    if !can_be() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let seconds = format!("87654.{}", std::process::id());
    let script =
        format!("fn main() {{ std::process::Command::new(\"sleep\").arg({seconds:?}).status().unwrap(); }}");
    write(&folder.path().join("it/build.rs"), &script);
    write(
        &folder.path().join("it/Cargo.toml"),
        "[package]\nname = \"it\"\n[lib]\ncrate-type = [\"cdylib\"]\n",
    );
    write(&folder.path().join("it/src/lib.rs"), "");
    let mut build = engine(["build", "--quiet", "--sandbox", "--sandbox-timeout", "5s", "it"]);
    build.current_dir(&folder);
    let did = fed(build, "");
    assert_eq!(did.code, Some(2));
    assert!(
        did.stderr.ends_with("engine: it takes longer than 5s (--sandbox-timeout allows more)\n"),
        "{}",
        did.stderr
    );
    // The system ends what is left, at once.
    let begun = Instant::now();
    while processes_with(&seconds) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it goes on");
    }
}

#[test]
fn a_crate_reads_beyond_its_folder_only_where_allowed() {
    if !can_be() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"NAME\"\nedition = \"2024\"\n";
    write(&folder.path().join("near/Cargo.toml"), &manifest.replace("NAME", "near"));
    write(&folder.path().join("near/src/lib.rs"), "");
    let its = "[lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\nnear = { path = \"../near\" }\n";
    write(&folder.path().join("it/Cargo.toml"), &(manifest.replace("NAME", "it") + its));
    write(&folder.path().join("it/src/lib.rs"), "pub use near;");
    let build = |more: &[&str]| {
        let mut build = engine(["build", "--quiet", "--sandbox", "it"]);
        build.args(more).current_dir(&folder);
        let did = fed(build, "");
        assert_eq!(did.code, Some(2));
        did.stderr
    };
    let said = build(&[]);
    assert!(said.ends_with(" in the sandbox (to let it read more: --sandbox-read PATH)\n"), "{said}");
    // It was built, to a component without exports.
    let said = build(&["--sandbox-read", "near"]);
    assert!(said.contains(" is not a plugin: it has no functions"), "{said}");
}

#[test]
fn without_bubblewrap_the_sandbox_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut build = engine(["build", "--sandbox", "it"]);
    build.current_dir(&folder).env("PATH", folder.path());
    let did = fed(build, "");
    let said = "engine: --sandbox needs Linux and bubblewrap: there is no program bwrap here\n";
    assert_eq!((did.code, &*did.stderr), (Some(2), said));
}
