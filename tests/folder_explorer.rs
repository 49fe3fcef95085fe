//! A folder that a function and another process change by turns: the function reaches nothing outside it.
//!
//! A script is lines of bytes. The first byte of a line is the other process's action in the folder; the others are
//! the calls that the function `explores` of the plugin `calls` makes next. Its handles stay open from line to line.
//! The fuzz target `folders` uses this file too.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::{Capability, FaultPolicy, Function, Pool, Source};
use tempfile::TempDir;

/// The folder's quota.
const QUOTA: u64 = 64 << 20;

/// The name and the contents of a file next to the folder.
const NAME: &str = "name-that-nobody-tells";
const TEXT: &str = "text-that-nobody-reads";

/// A function with a folder, and what is next to it.
pub(crate) struct Explorer {
    pool: Pool,
    function: Function<Vec<u8>, String>,
    home: TempDir,
}

impl Explorer {
    /// With the plugin `calls` in a file.
    pub(crate) fn new(plugin: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("outside").join(NAME)).unwrap();
        fs::write(home.path().join("outside/secret"), TEXT).unwrap();
        fs::create_dir(home.path().join("granted")).unwrap();
        let pool = Pool::builder().threads(1).timeout(Duration::from_millis(500)).build().unwrap();
        let grant = format!("dir:{}:quota={QUOTA}", home.path().join("granted").display());
        let plugin = pool.blocking_load(plugin).unwrap().grant(grant.parse::<Capability>().unwrap());
        let function = plugin.function("explores").unwrap().on_fault(&FaultPolicy::skip());
        Self { pool, function, home }
    }

    /// Runs a script, and checks the invariants after each line.
    pub(crate) async fn explore(&self, script: &[u8]) {
        let (granted, outside) = (self.home.path().join("granted"), self.home.path().join("outside"));
        furnish(&granted);
        let before = tree(&outside);
        for line in script.split(|byte| *byte == b'\n').take(16) {
            let Some((change, calls)) = line.split_first() else { continue };
            self.change(*change);
            let seen = self.give(calls).await;
            assert!(!seen.contains(TEXT) && !seen.contains(NAME), "{script:?} gets out: {seen}");
            assert_eq!(tree(&outside), before, "{script:?}");
            let usage = self.pool.usage();
            assert!(usage.disk <= QUOTA && usage.stuck_threads == 0, "{script:?}: {usage:?}");
        }
        let names: Vec<_> =
            fs::read_dir(self.home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let known = ["aside", "granted", "moved", "outside"];
        assert!(names.iter().all(|name| known.iter().any(|known| name == known)), "{script:?}: {names:?}");
        self.restore();
        empty(&granted);
    }

    /// Once the function has dropped its handles, only an instance's usual descriptors are open.
    pub(crate) async fn end(self) {
        const OWN: usize = 4;
        self.give(&[]).await;
        let begun = Instant::now();
        while self.pool.usage().descriptors_held > OWN && begun.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
        let held = self.pool.usage().descriptors_held;
        assert!(held <= OWN, "{held}");
    }

    async fn give(&self, calls: &[u8]) -> String {
        let seen = Arc::<Mutex<String>>::default();
        let kept = seen.clone();
        let source = Source::<Vec<u8>>::new();
        source.stream().map(&self.function).sink(move |text: String| *kept.lock().unwrap() += &text);
        let begun = Instant::now();
        source.emit(calls.to_vec()).await.unwrap();
        source.close().await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}: {calls:?}", begun.elapsed());
        std::mem::take(&mut *seen.lock().unwrap())
    }

    /// The other process's action. Impossible ones are skipped.
    fn change(&self, change: u8) {
        let home = |name: &str| self.home.path().join(name);
        // The folder itself, whatever its name leads to.
        let here =
            |name: &str| home(if home("granted").is_symlink() { "moved" } else { "granted" }).join(name);
        let (folder, link, aside) = (here("folder"), here("link"), home("aside"));
        let _ = match change % 10 {
            0 => Ok(()),
            1 => symlink(home("outside"), link),
            2 => fs::rename(&folder, here("b")).and_then(|()| symlink("../outside", folder)),
            3 => fs::rename(folder, aside),
            4 => fs::rename(aside, folder),
            5 => fs::remove_file(here("a")).and_then(|()| symlink("../outside/secret", here("a"))),
            6 => symlink(home("outside/secret"), link),
            7 => rustix::fs::mkfifoat(rustix::fs::CWD, here("pipe"), rustix::fs::Mode::from_raw_mode(0o600))
                .map_err(Into::into),
            8 if home("granted").is_symlink() => Ok(()),
            8 => {
                fs::rename(home("granted"), home("moved")).and_then(|()| symlink("outside", home("granted")))
            }
            _ => {
                self.restore();
                Ok(())
            }
        };
    }

    /// The granted folder has its name again.
    fn restore(&self) {
        let [granted, moved, aside] = ["granted", "moved", "aside"].map(|name| self.home.path().join(name));
        if granted.is_symlink() {
            fs::remove_file(&granted).and_then(|()| fs::rename(&moved, &granted)).unwrap();
        }
        if aside.is_symlink() || aside.is_file() {
            fs::remove_file(aside).unwrap();
        } else if aside.exists() {
            fs::remove_dir_all(aside).unwrap();
        }
    }
}

fn furnish(granted: &Path) {
    fs::create_dir(granted.join("folder")).unwrap();
    fs::write(granted.join("a"), "a").unwrap();
    fs::write(granted.join("folder/a"), "a").unwrap();
}

fn empty(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
            .unwrap();
    }
}

/// What is in a folder, and the texts of its files.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Option<String>> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: &Path| path.is_file().then(|| fs::read_to_string(path).unwrap());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                tree(&path).into_iter().chain([(path, None)]).collect()
            } else {
                vec![(path.clone(), text(&path))]
            }
        })
        .collect()
}
