//! A file system that never answers: only the function that uses it is affected.

#![cfg(target_os = "linux")]

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use engine::function::Isolation;
use engine::{Capability, FaultPolicy, Function, Pool};
use tempfile::{TempDir, tempdir};

use crate::support::{hostile, list, ran};

/// A folder with a file system that can be mounted, and then leaves some requests unanswered.
pub(crate) struct HangingFolder {
    folder: TempDir,
    _device: Arc<File>,
}

/// The requests that a file system never answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unanswered {
    /// Everything after the first lookup.
    Names,
    /// The closing of files. All requested files exist.
    Closes,
}

impl HangingFolder {
    /// None if nothing can be mounted.
    pub(crate) fn mount() -> Option<Self> {
        Self::without(Unanswered::Names)
    }

    fn without(unanswered: Unanswered) -> Option<Self> {
        let device = Arc::new(OpenOptions::new().read(true).write(true).open("/dev/fuse").ok()?);
        let folder = tempdir().unwrap();
        let options = "fd=0,rootmode=40000,user_id=0,group_id=0,allow_other";
        let mount = Command::new("mount")
            .args(["-i", "-t", "fuse", "-o", options, "hanging"])
            .arg(folder.path())
            .stdin(Stdio::from(device.try_clone().unwrap()))
            .stderr(Stdio::null())
            .status();
        if !mount.is_ok_and(|status| status.success()) {
            eprintln!("nothing can be mounted here: not tried");
            return None;
        }
        let served = device.clone();
        thread::spawn(move || serve(&served, unanswered));
        Some(Self { folder, _device: device })
    }

    pub(crate) fn path(&self) -> String {
        self.folder.path().display().to_string()
    }
}

impl Drop for HangingFolder {
    fn drop(&mut self) {
        // Pending calls fail.
        let _ = Command::new("umount").args(["-f", "-l"]).arg(self.folder.path()).status();
    }
}

/// Answers over FUSE's protocol.
fn serve(mut device: &File, unanswered: Unanswered) {
    const LOOKUP: u32 = 1;
    const GETATTR: u32 = 3;
    const OPEN: u32 = 14;
    const FLUSH: u32 = 25;
    const INIT: u32 = 26;
    // Notifications, which expect no answer.
    const NEWS: [u32; 3] = [2, 36, 42];
    // Attributes may be cached for long.
    const AN_HOUR: u64 = 3600;
    const NO_ENTRY: i32 = -2;
    const NO_CALL: i32 = -38;
    let hangs_at_names = unanswered == Unanswered::Names;
    let mut request = vec![0; 1 << 20];
    while let Ok(read) = device.read(&mut request) {
        let number = |at: usize| u32::from_le_bytes(request[at..at + 4].try_into().unwrap());
        let opcode = number(4);
        let (error, body) = match opcode {
            news if NEWS.contains(&news) => continue,
            FLUSH => continue,
            INIT => (0, [7_u32.to_le_bytes().to_vec(), 31_u32.to_le_bytes().to_vec(), vec![0; 56]].concat()),
            GETATTR => (0, [AN_HOUR.to_le_bytes().to_vec(), vec![0; 8], attributes(number(16))].concat()),
            LOOKUP if hangs_at_names => (NO_ENTRY, Vec::new()),
            LOOKUP => (0, [FILE.to_le_bytes().to_vec(), vec![0; 36], attributes(FILE)].concat()),
            OPEN => (0, vec![0; 16]),
            _ => (NO_CALL, Vec::new()),
        };
        let length = u32::try_from(16 + body.len()).unwrap().to_le_bytes();
        let answer = [&length[..], &error.to_le_bytes(), &request[8..16], &body].concat();
        assert!(read >= 40 && device.write_all(&answer).is_ok());
        if opcode == LOOKUP && hangs_at_names {
            return;
        }
    }
}

/// The inode of the folder; all files have the other one.
const ROOT: u32 = 1;
const FILE: u32 = 2;

/// The attributes of the folder, or of a file in it.
fn attributes(inode: u32) -> Vec<u8> {
    let mode = if inode == ROOT { 0o40_755_u32 } else { 0o100_644 };
    let mut attributes = vec![0; 88];
    attributes[..4].copy_from_slice(&inode.to_le_bytes());
    attributes[60..64].copy_from_slice(&mode.to_le_bytes());
    attributes[64..68].copy_from_slice(&1_u32.to_le_bytes());
    attributes
}

/// Its calls take one record each: one of several that hangs would cost a thread more, since its records are tried
/// again one by one.
fn pool(timeout: Duration) -> Pool {
    Pool::builder().threads(2).timeout(timeout).isolation(Isolation::Record).build().unwrap()
}

fn granted(pool: &Pool, plugin: &str, name: &str, folder: &str) -> Function<String, String> {
    let capability: Capability = format!("dir:{folder}:ro").parse().unwrap();
    pool.blocking_load(hostile(plugin)).unwrap().grant(capability).function(name).unwrap()
}

/// Opens this many files in the folder, each of which times out, and returns how that ended.
async fn hang(
    pool: &Pool,
    opens: &Function<String, String>,
    folder: &str,
    count: usize,
) -> Result<usize, String> {
    let (failed, faults) = list();
    let policy = FaultPolicy::divert(move |letter| {
        faults.lock().unwrap().push(letter.fault.cause.kind());
        Ok(())
    });
    let opens = opens.clone().on_fault(&policy);
    let records = (0..count).map(|number| format!("{folder}/{number}"));
    let (_, ended) = ran(records, |stream| stream.scatter(pool).map(&opens).buffer(1000).gather()).await;
    let failed = failed.lock().unwrap().len();
    ended.map(|()| failed).map_err(|error| error.to_string())
}

/// Opens files until that ends the run, and returns the error.
async fn lose_all(pool: &Pool, opens: &Function<String, String>, folder: &str) -> String {
    for _ in 0..10 {
        if let Err(error) = hang(pool, opens, folder, 300).await {
            return error;
        }
    }
    panic!("it goes on after {} threads were lost", pool.usage().stuck_threads)
}

#[tokio::test]
async fn calls_that_never_return_affect_only_their_function() {
    let Some(hanging) = HangingFolder::mount() else { return };
    let folder = tempdir().unwrap();
    let file = folder.path().join("file").display().to_string();
    fs::write(&file, "mine").unwrap();
    let pool = pool(Duration::from_secs(2));
    let opens = granted(&pool, "misdeeds", "opens", &hanging.path());
    let reads = granted(&pool, "granted", "reads", &folder.path().display().to_string());
    let honest = ran(vec![file; 100], |stream| stream.scatter(&pool).map(&reads).buffer(8).gather());
    let path = hanging.path();
    let (lost, (read, ended)) = tokio::join!(hang(&pool, &opens, &path, 30), honest);
    assert_eq!((lost, ended.is_ok(), read), (Ok(29), true, vec!["mine".to_owned(); 100]));
    assert_eq!(pool.usage().stuck_threads, 29);
    drop(hanging);
    // The threads come back when the file system does.
    while pool.usage().stuck_threads > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_function_that_lost_all_its_threads_ends_the_run() {
    let Some(hanging) = HangingFolder::mount() else { return };
    let pool = pool(Duration::from_secs(1));
    let opens = granted(&pool, "misdeeds", "opens", &hanging.path());
    let path = hanging.path();
    let error = lose_all(&pool, &opens, &path).await;
    assert_eq!(pool.usage().stuck_threads, 64);
    assert!(error.contains("64 of its calls never returned"), "{error}");
    assert!(error.contains(&path), "{error}");
}

/// A process that starts another one while it has such a file open waits for that file to be closed, so the run is in
/// one that starts none.
#[test]
fn files_that_cannot_be_closed_affect_only_their_function() {
    const FOLDER: &str = "ENGINE_HANGING_FOLDER";
    const LOST: &str = "all turns are lost";
    let lost = || println!("{LOST}");
    if let Ok(folder) = std::env::var(FOLDER) {
        return tokio::runtime::Runtime::new().unwrap().block_on(never_closes(&folder, lost));
    }
    let Some(hanging) = HangingFolder::without(Unanswered::Closes) else { return };
    // Built by one process, not by both.
    hostile("misdeeds");
    hostile("granted");
    let name = "hanging_files::files_that_cannot_be_closed_affect_only_their_function";
    let mut alone = Command::new(std::env::current_exe().unwrap());
    alone.args([name, "--exact", "--nocapture"]).env(FOLDER, hanging.path()).stdout(Stdio::piped());
    let mut alone = alone.spawn().unwrap();
    let mut lines = BufReader::new(alone.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = lines.find(|line| line.contains(LOST) || line.contains("FAILED"));
    // Before that, it can't even exit.
    drop(hanging);
    assert!(alone.wait().unwrap().success() && told.unwrap().contains(LOST));
}

async fn never_closes(hanging: &str, lost: impl Fn()) {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file").display().to_string();
    fs::write(&file, "mine").unwrap();
    let pool = pool(Duration::from_secs(1));
    let opens = granted(&pool, "misdeeds", "opens", hanging);
    let reads = granted(&pool, "granted", "reads", &folder.path().display().to_string());
    let error = lose_all(&pool, &opens, hanging).await;
    assert!(error.contains("64 of its calls never returned"), "{error}");
    assert_eq!(pool.usage().stuck_threads, 64);
    let honest = ran(vec![file; 100], |stream| stream.scatter(&pool).map(&reads).buffer(8).gather()).await;
    assert_eq!((honest.0, honest.1.is_ok()), (vec!["mine".to_owned(); 100], true));
    lost();
    // All files are closed when the file system is gone, those too that waited for a turn.
    while pool.usage().stuck_threads > 0 || pool.usage().descriptors_held > 0 {
        tokio::task::yield_now().await;
    }
}
