//! The files that the launcher opens, replaces and rotates.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, poll};

use super::message::Act;
use super::named::{Named, Use};
use crate::files::Draft;

/// The files that were named, and their drafts: one of each at most.
pub(super) struct Outputs {
    files: Vec<Named>,
    drafts: HashMap<usize, Draft>,
    /// The socket of the process that they are reached for.
    socket: OwnedFd,
}

impl Outputs {
    pub(super) fn new(files: Vec<Named>, socket: OwnedFd) -> Self {
        Self { files, drafts: HashMap::new(), socket }
    }

    /// Does something with a file, and returns it if it was to be opened.
    pub(super) fn act(&mut self, number: usize, act: Act) -> io::Result<Option<File>> {
        let file = self.files.get(number).ok_or_else(|| refused("this file"))?;
        let Named { folder, name, used } = file;
        // A process that was killed does nothing any more, and neither does what it asked for: the run that goes on
        // from its checkpoint waits for the lock once. A draft changes nothing yet.
        let _lock = (!matches!(act, Act::Draft { .. } | Act::Discard)).then(|| folder.replacing());
        if is_gone(&self.socket) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match (act, used) {
            (Act::Open { append }, _) => folder.create(name, append).map(Some),
            (Act::Draft { private }, Use::Replaced) => {
                // One that was begun before is gone with this.
                let draft = self.drafts.entry(number).insert_entry(folder.draft(name, private)?);
                draft.into_mut().file().try_clone().map(Some)
            }
            (Act::Commit, Use::Replaced) => {
                let draft = self.drafts.remove(&number).ok_or_else(|| refused("a draft that is gone"))?;
                draft.put_on_disk().map(|()| None)
            }
            (Act::Discard, Use::Replaced) => {
                self.drafts.remove(&number);
                Ok(None)
            }
            (Act::Remove, Use::Replaced) => folder.remove(name).map(|()| None),
            (Act::Rotate, Use::Rotated { keep }) => folder.rotate(name, *keep).map(|()| None),
            _ => Err(refused(&name.display().to_string())),
        }
    }
}

/// Whether the process at the other end of a socket has ended.
fn is_gone(socket: &OwnedFd) -> bool {
    let mut asked = [PollFd::new(socket, PollFlags::empty())];
    let known = poll(&mut asked, Some(&rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 }));
    known.is_ok_and(|found| found > 0) && asked[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// What was not named before the wall was raised is not done.
pub(super) fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{what}: this was not named before the run"))
}
