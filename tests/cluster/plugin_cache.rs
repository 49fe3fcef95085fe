//! The folder in which a worker caches plugins.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::processes::{Cluster, ended, numbers};
use crate::support::{engine, fed, function_of, plugin};

#[test]
fn a_worker_keeps_recent_plugins_and_those_in_use() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    let folder = cluster.path("cache/engine/plugins");
    fs::create_dir_all(&folder).unwrap();
    let name = |age: u64| folder.join(format!("{age:064}.wasm"));
    for age in 1..=400 {
        let file = File::create(name(age)).unwrap();
        file.set_modified(SystemTime::now().checked_sub(Duration::from_secs(age)).unwrap()).unwrap();
    }
    // Another worker on this machine uses the oldest.
    let used = File::open(name(400)).unwrap();
    used.lock_shared().unwrap();
    cluster.join(&[]);
    fs::write(cluster.path("in"), numbers(0..10)).unwrap();
    let run = cluster.run(&function_of(&plugin("inc"), "inc"), &[]).spawn().unwrap();
    assert_eq!(ended(run), (Some(0), String::new()));
    assert_eq!(cluster.text("out"), numbers(1..11));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 200);
    assert!(name(1).exists() && !name(399).exists() && name(400).exists());
}

#[test]
fn a_workers_compiled_plugins_go_to_the_shared_cache() {
    let Some(cluster) = Cluster::start(1) else { return };
    let function = function_of(&plugin("inc"), "inc");
    fs::write(cluster.path("in"), numbers(0..10)).unwrap();
    let run = cluster.run(&function, &[]).spawn().unwrap();
    assert_eq!(ended(run), (Some(0), String::new()));
    let kept = fs::read_dir(cluster.path("cache/engine/compiled")).unwrap();
    assert_eq!(kept.count(), 1);
    let mut run = engine(["run", "--json", "-p", &function]);
    run.env("XDG_CACHE_HOME", cluster.path("cache"));
    let run = fed(run, "1\n");
    assert_eq!((run.code, &*run.stdout), (Some(0), "2\n"), "{}", run.stderr);
    let summary: Value = serde_json::from_str(run.stderr.trim()).unwrap();
    assert!(summary["plugins"][0]["compilation"].is_null(), "{summary:#}");
}
