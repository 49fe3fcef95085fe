//! The output of commands.

use std::sync::{Arc, Mutex};

use engine::sources;

use crate::support::feeds::{Fed, fed, fed_error};

#[cfg(unix)]
#[tokio::test]
async fn a_failing_command_is_reported_after_its_output() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let told = said.clone();
    let process = sources::process(["sh", "-c", "echo 1; echo oh no >&2; printf 2; exit 3"])
        .on_stderr(move |line| told.lock().unwrap().push(line));
    let (lines, ended) = fed::<String>(process).await;
    assert_eq!(lines, ["1", "2"]);
    assert_eq!(ended.unwrap_err().to_string(), "sh exited with code 3");
    assert_eq!(*said.lock().unwrap(), ["oh no"]);
    let missing = fed_error(sources::process(["/no/such/command", "x"])).await;
    assert_eq!(missing.to_string(), "can't run /no/such/command");
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_fails_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    // Says how often it was started, and fails the first times.
    let script =
        format!("echo >> {0}; n=$(wc -l < {0}); [ $n = 2 ] || echo $n; [ $n -gt 4 ]", count.display());
    let command = || sources::process(["sh".to_owned(), "-c".to_owned(), script.clone()]);
    let (lines, ended) = fed::<String>(command().retries(2)).await;
    ended.unwrap();
    assert_eq!(lines, ["1", "3", "4", "5"]);

    // It works now, and is started again for as long as it prints something.
    let mut fed = Fed::new(command().retries(1).restart(true));
    assert_eq!(fed.next::<3>().await, ["6", "7", "8"]);
    fed.stop().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_goes_on_failing_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    let script = format!("echo >> {}; kill -9 $$", count.display());
    let error = fed_error(sources::process(["sh".to_owned(), "-c".to_owned(), script]).retries(3)).await;
    let told = "sh was killed by signal 9 (SIGKILL), which the system also sends when memory runs out";
    assert_eq!(error.to_string(), told);
    assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 4, "once, and 3 times again");
}

#[cfg(unix)]
#[tokio::test]
async fn a_stopped_command_is_killed_with_its_children() {
    let mut fed = Fed::new(sources::process(["sh", "-c", "sleep 1000 & echo $!; echo $$; wait"]));
    let pids: [String; 2] = fed.next().await;
    fed.stop().await.unwrap();
    assert!(!is_running(&pids[1]), "it was waited for");
    // Only the system reaps the other one.
    while is_running(&pids[0]) {
        tokio::task::yield_now().await;
    }
}

/// Whether a process runs, and is not a zombie.
#[cfg(unix)]
fn is_running(pid: &str) -> bool {
    let state = std::process::Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let state = String::from_utf8(state.stdout).unwrap();
    !state.trim().is_empty() && !state.starts_with('Z')
}
