//! Locks on folders, between processes of this program.

use std::fs::File;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::Folder;

/// The longest waits for a lock, when a process starts and later: other programs may hold it for ever.
const AT_START: Duration = Duration::from_secs(2);
const AT_WORK: Duration = Duration::from_millis(50);

/// The time between attempts.
const TRY: Duration = Duration::from_millis(1);

impl Folder {
    /// Locks the folder while files in it are being replaced, until the returned file is dropped.
    pub(crate) fn replacing(&self) -> io::Result<File> {
        self.lock(FlockOperation::NonBlockingLockShared, AT_WORK)
    }

    /// Waits until no process replaces files in this folder.
    pub(crate) fn wait_until_replaced(&self) -> io::Result<()> {
        self.lock(FlockOperation::NonBlockingLockExclusive, AT_START).map(drop)
    }

    fn lock(&self, lock: FlockOperation, longest: Duration) -> io::Result<File> {
        let folder = self.0.to_lock()?;
        let begun = Instant::now();
        while begun.elapsed() < longest && flock(&folder, lock) == Err(rustix::io::Errno::WOULDBLOCK) {
            thread::sleep(TRY);
        }
        Ok(folder)
    }
}
