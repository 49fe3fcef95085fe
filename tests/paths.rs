//! Only the user decides what the host opens: not a function that may write to a folder, and not another process that
//! may create files there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use engine::function::Isolation;
use engine::policy::DeadLetters;
use engine::sources::{self, Feed};
use engine::{CancellationToken, Capability, Error, Function, Plugin, Pool, Source, sinks};
use tempfile::{TempDir, tempdir};

use crate::support::feeds::Fed;
use crate::support::{Did, engine, fed, function_of, hostile, plugin, ran};

/// A folder for functions, `open`, that contains a folder `in`; and next to it a folder that nothing may reach.
struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Self(tempdir().unwrap());
        fs::create_dir_all(scene.path("open/in")).unwrap();
        fs::create_dir(scene.path("vault")).unwrap();
        fs::write(scene.path("vault/file"), "secret\n").unwrap();
        fs::write(scene.path("open/in/file"), "inside\n").unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// The function that executes commands on folders, with these grants.
fn acting(pool: &Pool, grants: &[String]) -> Result<Function<String, String>, Error> {
    let plugin = pool.blocking_load(hostile("granted")).unwrap();
    let capabilities = grants.iter().map(|grant| grant.parse::<Capability>().unwrap());
    capabilities.fold(plugin, Plugin::grant).function("acts")
}

fn one_by_one() -> Pool {
    Pool::builder().threads(1).isolation(Isolation::Record).build().unwrap()
}

/// Commands that replace `open/in` with a symlink to the vault.
fn swap(scene: &Scene) -> [String; 2] {
    // Through its parent folder: it has no name from within.
    let (from, away) = (scene.shown("open/./in"), scene.shown("open/away"));
    [format!("rename {from} {away}"), format!("link ../vault {from}")]
}

/// `engine run` with the function that executes commands, one record at a time.
fn run(more: &[&str], input: &str) -> Did {
    let acts = function_of(&hostile("granted"), "acts");
    fed(engine([&["run", "-q", "--threads", "1", "-p", &acts], more].concat()), input)
}

fn grant(path: &Path) -> String {
    format!("dir:{}", path.display())
}

#[tokio::test]
async fn a_grant_follows_its_folder_when_the_path_is_replaced() {
    let scene = Scene::new();
    let grants = [grant(&scene.path("open")), format!("dir:{}:ro", scene.shown("open/in"))];
    let pool = one_by_one();
    let acts = acting(&pool, &grants).unwrap();
    let [away, link] = swap(&scene);
    // The first instances were opened before.
    let reads = vec![format!("read {}", scene.shown("open/in/file")); 20];
    let commands = [vec![away, link], reads].concat();
    let (outputs, ended) = ran(commands, |stream| stream.apply(&acts)).await;
    ended.unwrap();
    assert_eq!(outputs[2..], ["inside\n"; 20]);
    assert_eq!(fs::read_to_string(scene.path("open/in/file")).unwrap(), "secret\n");
}

#[test]
fn a_symlink_from_an_earlier_run_redirects_no_grant() {
    let scene = Scene::new();
    let (open, within) = (grant(&scene.path("open")), format!("dir:{}:ro", scene.shown("open/in")));
    let did = run(&["--allow", &open], &swap(&scene).join("\n"));
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    let read = format!("read {}", scene.shown("open/in/file"));
    for grants in [[&open, &within], [&within, &open]] {
        let did = run(&["--allow", grants[0], "--allow", grants[1]], &read);
        assert!(did.code != Some(0) && !did.stdout.contains("secret"), "{}{}", did.stdout, did.stderr);
        assert_eq!(did.stderr.lines().count(), 1, "{}", did.stderr);
        assert!(
            did.stderr.contains("a link leads there from a folder that a function may write"),
            "{}",
            did.stderr
        );
    }
}

/// The records that a source gives.
async fn records(feed: impl Feed<String>) -> Result<Vec<String>, Error> {
    let source = Source::new();
    let (sink, records) = sinks::list();
    source.stream().sink(sink);
    let fed = feed.feed(&source, &CancellationToken::new()).await;
    source.close().await.and(fed).map(|()| records.take())
}

#[tokio::test]
async fn no_symlink_leads_a_source_out_of_its_folder() {
    let scene = Scene::new();
    let name = |name: &str| scene.path("open").join(name);
    fs::write(name(".hidden"), "within\n").unwrap();
    symlink("../vault/file", name("a")).unwrap();
    symlink(scene.path("vault/file"), name("b")).unwrap();
    symlink("../vault", name("c")).unwrap();
    symlink("/proc/self/environ", name("d")).unwrap();
    symlink("in/../../vault/file", name("e")).unwrap();
    symlink(".hidden", name("f")).unwrap();
    symlink("in/file", name("g")).unwrap();
    let folder = || sources::folder(scene.path("open")).once(true);
    assert_eq!(records(folder()).await.unwrap(), ["within", "inside"]);
    // Once a function may write there, no symlink is trusted.
    let pool = one_by_one();
    let acts = acting(&pool, &[grant(&scene.path("open"))]).unwrap();
    assert_eq!(records(folder()).await.unwrap(), [""; 0]);
    drop((acts, pool));
    assert_eq!(records(folder()).await.unwrap(), ["within", "inside"]);
}

#[tokio::test]
async fn a_symlink_planted_in_a_spool_folder_is_not_read() {
    let scene = Scene::new();
    let pool = one_by_one();
    let acts = acting(&pool, &[grant(&scene.path("open"))]).unwrap();
    let [link, file] = ["open/b", "open/c"].map(|name| scene.shown(name));
    let commands = format!("link ../vault/file {link}\nwrite {file} done\n");
    fs::write(scene.path("open/a"), commands).unwrap();
    let mut spool = Fed::through(sources::folder(scene.path("open")), |stream| stream.apply(&acts));
    let came = spool.next::<3>().await;
    assert!(came[0].starts_with("link ") && came[1].starts_with("write "), "{came:?}");
    assert_eq!(came[2], "done");
    spool.stop().await.unwrap();
}

#[tokio::test]
async fn folders_that_functions_write_to_are_opened_without_symlinks() {
    let scene = Scene::new();
    let (link, below) = (scene.path("open/link"), scene.path("open/in2/file"));
    symlink("../vault/file", &link).unwrap();
    symlink("../vault", scene.path("open/in2")).unwrap();
    let pool = one_by_one();
    let _acts = acting(&pool, &[grant(&scene.path("open"))]).unwrap();
    for path in [&link, &below] {
        let refused = [
            records(sources::files([path])).await.unwrap_err(),
            records(sources::files([path]).follow(true)).await.unwrap_err(),
            DeadLetters::create(path).unwrap_err(),
            engine::checkpoint::Checkpoint::blocking_load(path).unwrap_err(),
            written(path).await.unwrap_err(),
        ];
        for error in refused {
            let told = format!("{error:?}");
            assert!(told.contains("a link leads there from a folder that a function may write"), "{told}");
        }
    }
    assert_eq!(fs::read_to_string(scene.path("vault/file")).unwrap(), "secret\n");
    // Other files are opened as usual.
    assert_eq!(records(sources::files([scene.path("open/in/file")])).await.unwrap(), ["inside"]);
    written(&scene.path("open/out")).await.unwrap();
    assert_eq!(fs::read_to_string(scene.path("open/out")).unwrap(), "x\n");
}

async fn written(path: &Path) -> Result<(), Error> {
    let source = Source::new();
    source.stream().sink(sinks::files(path));
    let emitted = source.emit("x".to_owned()).await;
    source.close().await.and(emitted)
}

#[test]
fn a_run_follows_no_symlink_that_its_functions_could_plant() {
    let scene = Scene::new();
    symlink("../vault/file", scene.path("open/link")).unwrap();
    fs::write(scene.path("in"), "x\n").unwrap();
    let (link, open) = (scene.shown("open/link"), grant(&scene.path("open")));
    let (input, out) = (scene.shown("in"), scene.shown("out"));
    let divert = format!("divert={link}");
    let flags: [&[&str]; 4] = [
        &["-i", &link],
        &["-o", &link],
        &["--on-fault", &divert],
        &["-i", &input, "-o", &out, "--checkpoint", &link],
    ];
    for flags in flags {
        let did = run(&[flags, &["--allow", &open]].concat(), "x\n");
        assert_eq!((did.code, did.stderr.lines().count()), (Some(2), 1), "{flags:?} {}", did.stderr);
        assert!(!did.stdout.contains("secret") && did.stderr.contains("link"), "{}", did.stderr);
        assert_eq!(fs::read_to_string(scene.path("vault/file")).unwrap(), "secret\n");
    }
}

/// Runs a command, and kills it after a minute.
fn within_a_minute(args: &[&str]) -> Did {
    let mut command = Command::new("timeout");
    command.args(["-k", "1", "60", env!("CARGO_BIN_EXE_engine")]).args(args);
    fed(command, "")
}

#[test]
fn endless_and_special_files_are_refused_with_one_line() {
    let scene = Scene::new();
    let pipe = scene.shown("pipe.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    symlink("/dev/zero", scene.path("zero.toml")).unwrap();
    fs::write(scene.path("in"), "1\n").unwrap();
    let (input, out, zero) = (scene.shown("in"), scene.shown("out"), scene.shown("zero.toml"));
    let inc = plugin("inc").display().to_string();
    let run = ["run", "-p", &inc, "-i", &input, "-o", &out, "--checkpoint"];
    let cases = [
        ([&run[..], &[&pipe]].concat(), "it is a pipe, and must be a file"),
        ([&run[..], &["/dev/zero"]].concat(), "it is a device, and must be a file"),
        (vec!["check", &zero], "it has more than 1048576 bytes"),
        (vec!["run", &zero], "it has more than 1048576 bytes"),
        (vec!["inspect", &zero], "it is not a file"),
        (vec!["inspect", &pipe], "it is not a file"),
    ];
    for (args, reason) in cases {
        let did = within_a_minute(&args);
        assert_eq!((did.code, did.stderr.lines().count()), (Some(2), 1), "{args:?} {}", did.stderr);
        assert!(did.stderr.contains(reason), "{args:?} {}", did.stderr);
    }
}

#[test]
fn a_pipe_named_by_the_user_is_waited_for() {
    let scene = Scene::new();
    let (from, to) = (scene.shown("from"), scene.shown("to"));
    assert!(Command::new("mkfifo").args([&from, &to]).status().unwrap().success());
    let inc = plugin("inc").display().to_string();
    let args = ["run", "-q", "-p", &inc, "-i", &from, "-o", &to].map(str::to_owned);
    let run = thread::spawn(move || within_a_minute(&args.each_ref().map(String::as_str)));
    let read = thread::spawn(move || fs::read_to_string(to).unwrap());
    fs::write(from, "1\n2\n").unwrap();
    assert_eq!(read.join().unwrap(), "2\n3\n");
    assert_eq!(run.join().unwrap().code, Some(0));
}

#[test]
fn a_pipeline_file_is_read_only_once() {
    let scene = Scene::new();
    let (pipe, out) = (scene.shown("pipe.toml"), scene.path("out"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let run = {
        let pipe = pipe.clone();
        thread::spawn(move || within_a_minute(&["run", &pipe]))
    };
    // A second read would wait for a writer.
    let once = "[sources.periodic]\ninterval = \"1ms\"\ntimes = 2\n[sinks.file]\npath = \"out\"\n";
    fs::write(&pipe, once).unwrap();
    let did = run.join().unwrap();
    assert_eq!((did.code, &*did.stderr), (Some(0), ""));
    assert_eq!(fs::read_to_string(out).unwrap(), "0\n1\n");
}

#[test]
fn a_function_can_create_the_target_of_a_symlink_in_its_folder() {
    let scene = Scene::new();
    symlink("in/second", scene.path("open/first")).unwrap();
    symlink("./made", scene.path("open/in/second")).unwrap();
    symlink("../vault/made", scene.path("open/out")).unwrap();
    let open = grant(&scene.path("open"));
    let write = |name| run(&["--allow", &open], &format!("write {} text", scene.shown(name)));
    let did = write("open/first");
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    assert_eq!(fs::read_to_string(scene.path("open/in/made")).unwrap(), "text\n");
    assert!(write("open/out").code != Some(0) && !scene.path("vault/made").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_function_does_not_release_a_process_blocked_on_a_pipe() {
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    let scene = Scene::new();
    let (pipe, link) = (scene.shown("open/pipe"), scene.shown("open/link"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    symlink("pipe", &link).unwrap();
    let watch = inotify::init(CreateFlags::NONBLOCK).unwrap();
    let waits = {
        let pipe = pipe.clone();
        thread::spawn(move || fs::write(pipe, "precious"))
    };
    inotify::add_watch(&watch, &pipe, WatchFlags::OPEN | WatchFlags::CLOSE).unwrap();
    for act in ["read", "append", "touch", "touch-itself"] {
        for path in [&pipe, &link] {
            for wall in ["on", "off"] {
                let open = grant(&scene.path("open"));
                let did = run(&["--wall", wall, "--allow", &open], &format!("{act} {path}"));
                // Without a wall the times of the name itself are set, which opens nothing.
                let may = act == "touch-itself";
                assert!(may || did.code != Some(0), "{act} {path} {wall}: {}", did.stderr);
            }
        }
    }
    let mut events = [std::mem::MaybeUninit::uninit(); 512];
    let mut opened = inotify::Reader::new(&watch, &mut events);
    assert!(opened.next().is_err(), "the pipe was opened");
    assert_eq!(fs::read_to_string(&pipe).unwrap(), "precious");
    waits.join().unwrap().unwrap();
}
