//! The cache of compiled plugins: it saves time, and is never a way into the host.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Did, engine, fed, hostile, plugin, ran};

/// Runs `inc` with its own cache.
fn run(cache: &Path) -> Did {
    let mut command = engine(["run", "-p", &plugin("inc").display().to_string()]);
    command.env("XDG_CACHE_HOME", cache);
    fed(command, "1\n")
}

fn compiled(cache: &Path) -> Vec<PathBuf> {
    let folder = cache.join("engine").join("compiled");
    let entries = fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect());
    entries.unwrap_or_default()
}

#[test]
fn row_9_a_compiled_plugin_is_cached_and_a_damaged_one_recompiled() {
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(run(cache.path()).stdout, "2\n");
    let [file] = &*compiled(cache.path()) else { panic!("one plugin was compiled") };
    let whole = fs::read(file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let damaged = [
        flipped(0),
        flipped(100),
        flipped(whole.len() / 2),
        flipped(whole.len() - 1),
        whole[..whole.len() / 2].to_vec(),
        whole[..10].to_vec(),
        Vec::new(),
    ];
    for bytes in damaged {
        fs::write(file, bytes).unwrap();
        let did = run(cache.path());
        assert_eq!((&*did.stdout, &*did.stderr), ("2\n", ""));
        assert!(fs::read(file).unwrap() == whole, "it was compiled again, and cached");
    }
}

#[cfg(unix)]
#[test]
fn row_9_a_cache_folder_that_others_can_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("engine").join("compiled");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(run(cache.path()).stdout, "2\n");
    assert!(compiled(cache.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn a_cache_in_a_folder_that_others_could_replace_is_not_used() {
    use std::os::unix::fs::{PermissionsExt, chown};

    let (open, foreign) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(run(&open.path().join("cache")).stdout, "2\n");
    assert!(compiled(&open.path().join("cache")).is_empty());
    // Only root can give a folder away.
    if chown(foreign.path(), Some(12_345), None).is_ok() {
        assert_eq!(run(&foreign.path().join("cache")).stdout, "2\n");
        assert!(compiled(&foreign.path().join("cache")).is_empty());
    }
}

#[test]
fn a_compiled_plugin_under_a_wrong_key_is_recompiled() {
    let (cache, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(run(cache.path()).stdout, "2\n");
    let mut inspect = engine(["inspect", &plugin("redact").display().to_string()]);
    inspect.env("XDG_CACHE_HOME", other.path());
    assert_eq!(fed(inspect, "").code, Some(0));
    let ([file], [foreign]) = (&*compiled(cache.path()), &*compiled(other.path())) else {
        panic!("each was compiled")
    };
    let whole = fs::read(file).unwrap();
    fs::copy(foreign, file).unwrap();
    let did = run(cache.path());
    assert_eq!((&*did.stdout, &*did.stderr), ("2\n", ""));
    assert!(fs::read(file).unwrap() == whole, "it was compiled again, and cached");
}

#[test]
fn no_function_is_granted_a_folder_that_holds_the_cache() {
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join("cache");
    let reads = format!("{}:reads", hostile("granted").display());
    let grant = format!("dir:{}", home.path().display());
    let tried =
        [("off", grant.clone(), Some(2)), ("on", grant.clone(), Some(2)), ("on", grant + ":ro", Some(0))];
    for (wall, grant, code) in tried {
        let mut command = engine(["run", "-q", "--wall", wall, "--on-fault", "skip", "-p", &reads]);
        command.args(["--allow", &grant]);
        command.env("XDG_CACHE_HOME", &cache);
        let did = fed(command, "");
        assert_eq!(did.code, code, "{}", did.stderr);
        let refused = did.stderr.contains("the engine keeps compiled plugins there");
        assert_eq!(refused, code != Some(0), "{}", did.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_run_behind_the_wall_may_write_to_the_cache() {
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join("cache");
    let output = home.path().join("out");
    fs::create_dir_all(cache.join("engine/compiled")).unwrap();
    // In a checkpoint's folder, nothing else may be written.
    for (checkpoint, code) in
        [(cache.join("engine/compiled/run"), Some(2)), (home.path().join("run"), Some(0))]
    {
        let mut command = engine(["run", "-q", "-p", &plugin("inc").display().to_string(), "-i"]);
        fs::write(home.path().join("in"), "1\n").unwrap();
        command.arg(home.path().join("in")).arg("-o").arg(&output).arg("--checkpoint").arg(&checkpoint);
        command.env("XDG_CACHE_HOME", &cache);
        let did = fed(command, "");
        assert_eq!(did.code, code, "{}", did.stderr);
        assert_eq!(
            did.stderr.contains("the engine keeps compiled plugins there"),
            code != Some(0),
            "{}",
            did.stderr
        );
    }
}

#[cfg(all(target_os = "linux", feature = "cluster"))]
#[test]
fn a_worker_may_read_the_cache_but_not_write_it() {
    use engine::wall::Rules;

    let cache = tempfile::tempdir().unwrap();
    for flag in ["--cluster=nats://127.0.0.1:4222", "--isolated"] {
        let mut command = engine(["worker", "--wall", "show", flag]);
        command.env("XDG_CACHE_HOME", cache.path());
        let did = fed(command, "");
        assert_eq!(did.code, Some(0), "{}", did.stderr);
        let rules: Rules = serde_json::from_str(&did.stdout).unwrap();
        let compiled = cache.path().join("engine/compiled");
        assert!(rules.reads.contains(&compiled));
        assert!(!rules.writes.iter().any(|folder| compiled.starts_with(folder)), "{:?}", rules.writes);
    }
}

#[tokio::test]
async fn a_preloaded_plugin_is_not_read_again() {
    use engine::Pool;
    use engine::plugin::{Ahead, Compiler};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inc.wasm");
    fs::copy(plugin("inc"), &path).unwrap();
    let ahead = Ahead::default();
    ahead.compile(&path, None, &Compiler::new(env!("CARGO_BIN_EXE_engine"), ["compile"]), 100 << 20);
    fs::write(&path, "another one").unwrap();
    let pool = Pool::builder().ahead(&ahead).build().unwrap();
    let inc = pool.blocking_load(&path).unwrap().function::<i64, i64>("inc").unwrap();
    let (outputs, ended) = ran([1], |numbers| numbers.scatter(&pool).map(&inc).gather()).await;
    ended.unwrap();
    assert_eq!(outputs, [2]);
}
