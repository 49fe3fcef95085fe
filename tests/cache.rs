//! Compiled plugins on disk: a help, and never a way into the host.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Did, engine, fed, plugin};

/// Runs `inc` with a cache of its own.
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
fn row_9_a_compiled_plugin_is_kept_and_a_damaged_one_is_compiled_anew() {
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
        assert!(fs::read(file).unwrap() == whole, "it was compiled anew, and kept");
    }
}

#[cfg(unix)]
#[test]
fn row_9_a_folder_that_others_can_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("engine").join("compiled");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(run(cache.path()).stdout, "2\n");
    assert!(compiled(cache.path()).is_empty());
}
