//! Locks on folders, which processes of this program take.

use std::fs::File;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::Folder;

/// So long a lock is waited for at most, by what begins and by what works: other programs may hold it for ever.
const AT_START: Duration = Duration::from_secs(2);
const AT_WORK: Duration = Duration::from_millis(50);

/// How often it is tried.
const TRY: Duration = Duration::from_millis(1);

impl Folder {
    /// Says that files in this folder are being replaced, until the file that is returned is dropped.
    pub(crate) fn replacing(&self) -> io::Result<File> {
        self.lock(FlockOperation::NonBlockingLockShared, AT_WORK)
    }

    /// Waits until no file in this folder is being replaced.
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
