//! The files that the launcher opens, replaces and rotates.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

use super::message::Act;
use super::named::{Named, Use};
use super::peer::Peer;
use crate::files::Draft;

/// The files that were named, and their drafts: one of each at most.
pub(super) struct Outputs {
    files: Vec<Named>,
    drafts: HashMap<usize, Draft>,
    /// The process that they are reached for.
    peer: Arc<Peer>,
}

impl Outputs {
    pub(super) fn new(files: Vec<Named>, peer: Arc<Peer>) -> Self {
        Self { files, drafts: HashMap::new(), peer }
    }

    /// Does something with a file, and returns it if it was to be opened.
    pub(super) fn act(&mut self, number: usize, act: Act) -> io::Result<Option<File>> {
        let file = self.files.get(number).ok_or_else(|| refused("this file"))?;
        let Named { folder, name, used } = file;
        // A process that was killed does nothing any more, and neither does what it asked for: the run that goes on
        // from its checkpoint waits for the lock once. A draft changes nothing yet.
        let _lock = (!matches!(act, Act::Draft { .. } | Act::Discard)).then(|| folder.replacing());
        if self.peer.is_gone() {
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

/// What was not named before the wall was raised is not done.
pub(super) fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{what}: this was not named before the run"))
}
