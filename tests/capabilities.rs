//! Capabilities (row 7): what was granted works; anything beyond it is refused.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use engine::{Capability, Error, FaultPolicy, Function, Pool};
use tempfile::tempdir;

use crate::support::{engine, fed, function_of, hostile, list, ran};

/// A function of the plugin `granted`, with these grants.
fn granted(pool: &Pool, name: &str, grants: &[&str]) -> Result<Function<String, String>, Error> {
    let plugin = pool.blocking_load(hostile("granted")).unwrap();
    let capabilities = grants.iter().map(|grant| grant.parse::<Capability>().unwrap());
    capabilities.fold(plugin, engine::Plugin::grant).function(name)
}

/// A function's output for one record, or its fault.
async fn made(name: &str, grants: &[&str], record: &str) -> Result<String, String> {
    let pool = Pool::builder().threads(1).build().unwrap();
    let function = granted(&pool, name, grants).unwrap();
    let (outputs, ended) = ran([record.to_owned()], |stream| stream.apply(&function)).await;
    ended.map_err(|error| error.to_string())?;
    Ok(outputs.concat())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn row_7_a_missing_grant_is_refused_before_anything_runs() {
    let cases = [
        ("reads", "dir", "--allow dir:PATH"),
        ("variables", "env:ENGINE_GRANTED", "--allow env:ENGINE_GRANTED"),
        ("now", "clock", "--allow clock"),
        ("draws", "random", "--allow random"),
        ("hears", "net", "--allow net:HOST:PORT"),
    ];
    for (name, need, flag) in cases {
        let did = fed(engine(["run", "-p", &function_of(&hostile("granted"), name)]), "x\n");
        let expected = format!("engine: {name} needs {need}, which was not granted (to grant it: {flag})\n");
        assert_eq!((did.code, did.stdout, did.stderr), (Some(2), String::new(), expected));
    }
}

#[test]
fn a_grant_that_no_function_needs_is_refused() {
    let did =
        fed(engine(["run", "-p", &function_of(&hostile("misdeeds"), "clock"), "--allow", "clock"]), "x\n");
    let expected = "engine: --allow clock: no function says that it needs that (see `engine inspect`)\n";
    assert_eq!((did.code, &*did.stderr), (Some(2), expected));
    let now = function_of(&hostile("granted"), "now");
    let same = function_of(&hostile("misdeeds"), "same");
    let did = fed(engine(["run", "-p", &now, "-p", &same, "--allow", "2.clock"]), "x\n");
    assert_eq!(did.code, Some(2), "{}", did.stderr);
    let did = fed(engine(["run", "-p", &now, "-p", &same, "--allow", "1.clock"]), "x\n");
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    assert!(did.stdout.trim().parse::<u64>().unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn row_7_a_function_sees_only_its_granted_folder() {
    let outside = tempdir().unwrap();
    let folder = outside.path().join("inside");
    fs::create_dir(&folder).unwrap();
    let (inside, secret) = (folder.join("file"), outside.path().join("secret"));
    fs::write(&inside, "mine").unwrap();
    fs::write(&secret, "secret").unwrap();
    let grant = format!("dir:{}", shown(&folder));
    let read_only = format!("{grant}:ro");
    for grant in [&grant, &read_only] {
        assert_eq!(made("reads", &[grant], &shown(&inside)).await.unwrap(), "mine");
        let up = shown(&folder.join("../secret"));
        for path in [&shown(&secret), &up, "/etc/passwd"] {
            made("reads", &[grant], path).await.unwrap_err();
        }
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&secret, folder.join("link")).unwrap();
        std::os::unix::fs::symlink("..", folder.join("up")).unwrap();
        made("reads", &[&grant], &shown(&folder.join("link"))).await.unwrap_err();
        made("reads", &[&grant], &shown(&folder.join("up/secret"))).await.unwrap_err();
        made("writes", &[&grant], &shown(&folder.join("link"))).await.unwrap_err();
    }
    made("writes", &[&read_only], &shown(&folder.join("new"))).await.unwrap_err();
    assert!(!folder.join("new").exists());
    made("writes", &[&grant], &shown(&folder.join("new"))).await.unwrap();
    made("writes", &[&grant], &shown(&secret)).await.unwrap_err();
    assert_eq!(fs::read_to_string(secret).unwrap(), "secret");
}

#[test]
fn row_7_a_function_sees_only_its_granted_variable() {
    let variables = function_of(&hostile("granted"), "variables");
    let mut command = engine(["run", "-p", &variables, "--allow", "env:ENGINE_GRANTED"]);
    command.env("ENGINE_GRANTED", "this").env("ENGINE_SECRET", "that");
    assert_eq!(fed(command, "x\n").stdout, "ENGINE_GRANTED=this\n");
}

#[tokio::test]
async fn row_7_clock_and_randomness_are_granted_separately() {
    assert!(made("now", &["clock"], "").await.unwrap().parse::<u64>().unwrap() > 1_700_000_000);
    let draws =
        [made("draws", &["random"], "x").await.unwrap(), made("draws", &["random"], "x").await.unwrap()];
    assert_ne!(draws[0], draws[1], "two instances draw different numbers");
}

#[tokio::test]
async fn row_7_a_function_reaches_only_its_granted_port() {
    let listen = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    };
    let ((listener, address), (silent, other)) = (listen(), listen());
    thread::spawn(move || {
        for stream in listener.incoming() {
            stream.unwrap().write_all(b"hello").unwrap();
        }
    });
    let grant = format!("net:{address}");
    assert_eq!(made("hears", &[&grant], &address.to_string()).await.unwrap(), "hello");
    silent.set_nonblocking(true).unwrap();
    made("hears", &[&grant], &other.to_string()).await.unwrap_err();
    // A name may stand for internet addresses, never for this machine.
    let named = format!("net:localhost:{}", address.port());
    made("hears", &[&named], &format!("localhost:{}", address.port())).await.unwrap_err();
    made("hears", &[&named], &address.to_string()).await.unwrap_err();
    made("hears", &[&named], &format!("example.org:{}", address.port())).await.unwrap_err();
    assert!(silent.accept().is_err(), "there was a connection");
}

#[tokio::test]
async fn functions_with_side_effects_are_not_replayed() {
    let folder = tempdir().unwrap();
    let pool = Pool::builder().threads(2).build().unwrap();
    let makes = granted(&pool, "makes", &[&format!("dir:{}", shown(folder.path()))]).unwrap();
    let (letters, list) = list();
    let policy = FaultPolicy::divert(move |letter| {
        list.lock().unwrap().push(letter.fault.cause.kind());
        Ok(())
    });
    let makes = makes.with("folder", shown(folder.path())).unwrap().on_fault(&policy);
    let name = |x: u32| if x % 50 == 7 { format!("bad{x}") } else { x.to_string() };
    let records: Vec<_> = (0..300).map(name).collect();
    let (outputs, ended) =
        ran(records.clone(), |stream| stream.scatter(&pool).apply(&makes).buffer(100).gather()).await;
    ended.unwrap();
    let good: Vec<_> = records.iter().filter(|record| !record.starts_with("bad")).cloned().collect();
    assert_eq!(outputs, good);
    // A record that is started twice would fail, since its file exists.
    assert_eq!(*letters.lock().unwrap(), ["panicked"; 6]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 300);
}
