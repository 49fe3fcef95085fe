//! The second wall around a run. What it stops is in `escaped_guest.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use engine::wall::{Program, Rules};
use seccompiler::{SeccompAction, SeccompFilter, TargetArch};

use crate::support::terminal::Terminal;
use crate::support::{Did, engine, fed, hostile, plugin};

#[test]
fn all_threads_of_a_run_are_behind_the_wall() {
    let mut run = engine(["run", "--plugin"]);
    run.arg(plugin("inc")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut run = run.spawn().unwrap();
    let mut stdin = run.stdin.take().unwrap();
    stdin.write_all(b"1\n").unwrap();
    let mut first = [0; 2];
    run.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let mut threads = 0;
    for task in fs::read_dir(format!("/proc/{}/task", run.id())).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let has = |line: &str| status.lines().any(|found| found == line);
        assert!(has("NoNewPrivs:\t1") && has("Seccomp:\t2"), "{status}");
        threads += 1;
    }
    assert!(threads > 2, "{threads}");
    drop(stdin);
    assert!(run.wait().unwrap().success());
}

/// What a run of the file with these flags may reach.
fn rules_of(folder: &Path, pipeline: &str, flags: &[&str]) -> Rules {
    let file = folder.join("pipeline.toml");
    fs::write(&file, pipeline).unwrap();
    let shown = engine(["run", "--wall", "show"]).args(flags).arg(&file).output().unwrap();
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    serde_json::from_slice(&shown.stdout).unwrap()
}

#[test]
fn a_pipeline_reaches_only_what_its_file_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("old"), "").unwrap();
    let pipeline = r#"
        [faults]
        on_fault = { divert = "dead" }
        [sources.files]
        path = ["one", "two"]
        [sources.growing]
        type = "ndjson"
        path = "logs/now"
        follow = true
        [sources.folder]
        path = "spool"
        [sources.process]
        command = ["tail", "-f", "x"]
        [sources.tcp]
        address = "127.0.0.1:9000"
        [sources.http]
        address = "127.0.0.1:9001"
        [sources.websocket]
        url = "wss://feed.example.org/all"
        [stages.map]
        plugin = "f.wasm"
        allow = ["dir:data", "dir:seen:ro", "net:127.0.0.1:5432"]
        [sinks.old]
        type = "file"
        path = "old"
        [sinks.new]
        type = "file"
        path = "new"
        [sinks.turning]
        type = "file"
        path = "turning/log"
        rotate_at = "1MiB"
        keep = 3
        [sinks.http]
        url = "http://127.0.0.1:8080/in"
    "#;
    let rules = rules_of(folder.path(), pipeline, &["--dashboard=127.0.0.1:8787"]);
    let paths = |names: &[&str]| names.iter().map(|name| at(name)).collect::<BTreeSet<PathBuf>>();
    let own = rules.reads.into_iter().filter(|path| path.starts_with(folder.path()));
    let expected = paths(&["f.wasm", "logs", "one", "seen", "spool", "two"]);
    assert_eq!(own.collect::<BTreeSet<_>>(), expected);
    assert_eq!(rules.writes, paths(&["data", "old"]));
    assert_eq!(rules.creates, paths(&["dead", "new", "old", "turning/log"]));
    assert_eq!(rules.rotates, BTreeMap::from([(at("turning/log"), 3)]));
    // Names are looked up at port 53.
    assert_eq!(rules.connects, BTreeSet::from([53, 443, 5432, 8080]));
    assert_eq!(rules.listens, BTreeSet::from([8787, 9000, 9001]));
    assert!(rules.resolves, "feed.example.org is a name");
    let tail = Program::new(["tail", "-f", "x"]).folder(Some(folder.path().to_owned()));
    assert_eq!(rules.programs, [tail]);
}

#[test]
fn a_run_over_lines_reaches_its_plugin_and_no_network() {
    let shown = engine(["run", "--wall", "show", "--plugin"]).arg(plugin("inc")).output().unwrap();
    let rules: Rules = serde_json::from_slice(&shown.stdout).unwrap();
    assert!(rules.reads.contains(&plugin("inc")));
    assert!(rules.writes.is_empty() && rules.creates.is_empty() && rules.programs.is_empty());
    assert!(!rules.have_network());
}

/// A run of a line with these flags.
fn run_with(flags: &[&str]) -> Did {
    let mut run = engine(["run"]);
    run.args(flags).arg("--plugin").arg(plugin("inc"));
    fed(run, "1\n")
}

/// The wall in the summary of a run with these flags.
fn reported_wall(flags: &[&str]) -> serde_json::Value {
    let run = run_with(&[&["--json"], flags].concat());
    assert_eq!((run.code, &*run.stdout), (Some(0), "2\n"), "{}", run.stderr);
    let mut summary: serde_json::Value = serde_json::from_str(run.stderr.trim()).unwrap();
    summary["wall"].take()
}

/// Runs a closure while some system calls fail with an error, also in started programs.
fn where_calls_fail<T: Send>(calls: &[i64], error: i32, act: impl FnOnce() -> T + Send) -> T {
    let failing = calls.iter().map(|call| (*call, Vec::new())).collect::<BTreeMap<_, _>>();
    let failed = SeccompAction::Errno(error.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let filter = SeccompFilter::new(failing, SeccompAction::Allow, failed, arch).unwrap();
    let filter: seccompiler::BpfProgram = filter.try_into().unwrap();
    let acts = || {
        seccompiler::apply_filter(&filter).unwrap();
        act()
    };
    thread::scope(|scope| scope.spawn(acts).join().unwrap())
}

const LANDLOCK: i64 = libc::SYS_landlock_create_ruleset;

#[test]
fn the_summary_names_the_parts_of_the_wall_a_kernel_lacks() {
    let told = where_calls_fail(&[LANDLOCK], libc::ENOSYS, || reported_wall(&[]));
    assert_eq!(told, serde_json::json!({ "missing": ["files", "ports", "signals"], "refused": [] }));
    assert_eq!(reported_wall(&[]), serde_json::json!({ "missing": [], "refused": [] }));
    assert!(reported_wall(&["--wall", "off"]).is_null());
}

#[test]
fn a_run_warns_and_continues_without_a_forbidden_part_of_the_wall() {
    let all = ["files", "ports", "signals"];
    let cases = [
        (LANDLOCK, &all[..]),
        (libc::SYS_landlock_add_rule, &all[..]),
        (libc::SYS_landlock_restrict_self, &all[..]),
        (libc::SYS_seccomp, &["calls"][..]),
    ];
    for (call, refused) in cases {
        let told = where_calls_fail(&[call], libc::EPERM, || reported_wall(&[]));
        assert_eq!(told, serde_json::json!({ "missing": [], "refused": refused }), "{call}");
    }
    let both = [LANDLOCK, libc::SYS_seccomp];
    let run = where_calls_fail(&both, libc::EPERM, || run_with(&[]));
    let line = "engine: the wall is incomplete: this system forbids landlock (Linux 5.13), ";
    assert!(run.stderr.starts_with(line) && run.stderr.lines().count() == 1, "{}", run.stderr);
    let (code, shown) = where_calls_fail(&both, libc::EPERM, || {
        let folder = tempfile::tempdir().unwrap();
        let (inc, out) = (plugin("inc"), folder.path().join("out"));
        let args = ["run", "--plugin", inc.to_str().unwrap(), "--output", out.to_str().unwrap()];
        let (terminal, stdin) = Terminal::run_fed(args);
        drop(stdin);
        terminal.end()
    });
    assert_eq!(code, Some(0), "{shown}");
    let said = shown.replace('\n', "");
    assert!(said.contains("the wall is incomplete: this system forbids landlock (Linux 5.13)"), "{shown}");
    assert!(said.contains("this system forbids seccomp"), "{shown}");
}

#[test]
fn a_run_fails_without_a_required_part_of_the_wall() {
    for call in [LANDLOCK, libc::SYS_landlock_restrict_self, libc::SYS_seccomp] {
        let run = where_calls_fail(&[call], libc::EPERM, || run_with(&["--wall", "on"]));
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{}", run.stderr);
        let [line] = run.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{}", run.stderr) };
        assert!(line.starts_with("engine: --wall on: this system forbids "), "{line}");
    }
}

/// A run with a source that starts this command.
fn run_of_command(words: &[&str]) -> Did {
    let folder = tempfile::tempdir().unwrap();
    let words = serde_json::to_string(words).unwrap();
    let file = folder.path().join("pipeline.toml");
    fs::write(&file, format!("[sources.process]\ncommand = {words}\n[sinks.stdout]\n")).unwrap();
    fed(engine(["run", "-q", file.to_str().unwrap()]), "")
}

#[test]
fn a_command_line_may_be_as_long_as_the_system_allows() {
    let long = "x".repeat(120_000);
    let mut words = vec!["printf", r"%s\n"];
    words.extend([&*long; 8]);
    let did = run_of_command(&words);
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    assert!(did.stdout == format!("{long}\n").repeat(8), "{} bytes", did.stdout.len());

    let longer = "x".repeat(140_000);
    let did = run_of_command(&["echo", &longer]);
    assert_eq!((did.code, &*did.stdout), (Some(1), ""), "{}", did.stderr);
    let [line] = did.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{}", did.stderr) };
    assert!(line.contains("echo: Argument list too long"), "{line}");
}

/// A run of a file with a source that starts a command, from a folder with a granted one, `proj`.
fn run_command_from(folder: &Path, command: &[&str], sink: &str, path: &Path) -> Did {
    let command = serde_json::to_string(command).unwrap();
    let (acts, proj) = (hostile("granted"), folder.join("proj"));
    let pipeline = format!(
        "[sources.process]\ncommand = {command}\n[stages.map]\nplugin = {acts:?}\nfunction = 'acts'\n\
         allow = ['dir:{}']\n{sink}",
        proj.display()
    );
    fs::write(folder.join("pipeline.toml"), pipeline).unwrap();
    let before = std::env::var("PATH").unwrap();
    let mut run = engine(["run", "-q", "--wall", "on", "pipeline.toml"]);
    run.current_dir(folder).env("PATH", format!("{}:{before}", path.display()));
    fed(run, "")
}

/// A run was refused with one line that says this.
fn assert_refused(did: &Did, says: &str) {
    assert_eq!((did.code, &*did.stdout), (Some(2), ""), "{}", did.stderr);
    let [line] = did.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{}", did.stderr) };
    assert!(line.contains("can't start a program outside of the wall: ") && line.contains(says), "{line}");
}

const STDOUT: &str = "[sinks.stdout]";

#[test]
fn a_program_behind_a_replaceable_symlink_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("proj/.venv/bin")).unwrap();
    std::os::unix::fs::symlink("/bin/echo", folder.path().join("proj/.venv/bin/say")).unwrap();
    let did = run_command_from(folder.path(), &["proj/.venv/bin/say", "1"], STDOUT, Path::new("/bin"));
    assert_refused(&did, "proj/.venv/bin/say is in ");
}

#[test]
fn a_program_that_a_function_could_shadow_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("proj/bin");
    fs::create_dir_all(folder.path().join("proj")).unwrap();
    let did = run_command_from(folder.path(), &["echo", "1"], STDOUT, &first);
    assert_refused(&did, "proj/bin/echo is in ");
    let file = folder.path().join("proj/file");
    fs::write(&file, "1\n").unwrap();
    let read = format!("read {}", file.display());
    let did = run_command_from(folder.path(), &["echo", &read], STDOUT, Path::new("/bin"));
    assert_eq!((did.code, did.stdout.trim()), (Some(0), "1"), "{}", did.stderr);
    let did = run_command_from(folder.path(), &["no-such-program"], STDOUT, Path::new("/bin"));
    assert!(
        did.code == Some(2) && did.stderr.contains("there is no program no-such-program"),
        "{}",
        did.stderr
    );
}

#[test]
fn a_script_created_by_the_run_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("proj")).unwrap();
    let sink = "[sinks.file]\npath = 'new.sh'";
    let did = run_command_from(folder.path(), &["sh", "new.sh"], sink, Path::new("/bin"));
    assert_refused(&did, "new.sh is a file that the run makes");
}

#[test]
fn a_run_replaces_and_rotates_only_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("in"), "1\n2\n3\n4\n5\n").unwrap();
    fs::write(at("log.3"), "not ours").unwrap();
    let pipeline = "[sources.files]\npath = 'in'\n[sinks.file]\npath = 'log'\nrotate_at = '2B'\nkeep = 2\n";
    fs::write(at("pipeline.toml"), pipeline).unwrap();
    for _ in 0..2 {
        let mut run = engine(["run", "-q", "--wall", "on", "--report"]);
        run.arg(at("page.html")).arg(at("pipeline.toml"));
        let did = fed(run, "");
        assert_eq!(did.code, Some(0), "{}", did.stderr);
        let texts = ["log", "log.1", "log.2", "log.3"].map(|name| fs::read_to_string(at(name)).unwrap());
        assert_eq!(texts, ["5\n", "4\n", "3\n", "not ours"]);
        assert!(fs::read_to_string(at("page.html")).unwrap().starts_with("<!"));
    }
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["in", "log", "log.1", "log.2", "log.3", "page.html", "pipeline.toml"]);
}

#[test]
fn a_run_keeps_only_the_inherited_descriptors_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let (input, secret) = (folder.path().join("in"), folder.path().join("secret"));
    fs::write(&input, "1\n").unwrap();
    fs::write(&secret, "").unwrap();
    let script = r#"exec "$0" run -q -p "$1" -i /dev/fd/3 -i - 3<"$2" 4<"$3" 9<"$3""#;
    let mut run = Command::new("sh");
    run.args(["-c", script, env!("CARGO_BIN_EXE_engine")]).arg(plugin("inc")).arg(&input).arg(&secret);
    let mut run = run.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = run.stdin.take().unwrap();
    stdin.write_all(b"2\n").unwrap();
    let mut both = [0; 4];
    run.stdout.as_mut().unwrap().read_exact(&mut both).unwrap();
    assert_eq!(&both, b"2\n3\n");
    let open = fs::read_dir(format!("/proc/{}/fd", run.id())).unwrap();
    let mut open = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    assert!(!open.any(|path| path == secret));
    drop(stdin);
    assert!(run.wait().unwrap().success());
}
