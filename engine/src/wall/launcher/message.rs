//! What goes to the launcher and comes back, and the descriptors that go with it.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::wall::Program;

/// The longest message, in bytes.
const LONGEST: usize = 128 << 10;

/// The most descriptors that go with a message: a line, and three streams.
const MOST: usize = 4;

/// What the launcher is told.
#[derive(Serialize, Deserialize)]
pub(super) enum Request {
    /// Once, first: what may be asked for.
    Allow { programs: Vec<Program>, files: Vec<PathBuf> },
    /// Start a program. Its line comes along, and then those of its streams that are given.
    Start { program: Program, streams: [Stdio; 3] },
    /// Open a file for writing, and make it if it is not there.
    Create { path: PathBuf, append: bool },
}

/// One of a program's stdin, stdout and stderr.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stdio {
    /// It has none.
    Null,
    /// That of the launcher, which is that of the process that it serves.
    Inherited,
    /// A pipe.
    Piped,
}

/// What comes back, on the line.
#[derive(Serialize, Deserialize)]
pub(super) enum Reply {
    /// The program ended with this status, as the system tells it.
    Ended(i32),
    /// It could not be started: the system's number for that, and the same as text.
    Failed(Option<i32>, String),
    /// The file is open; its descriptor comes along.
    Opened,
}

/// Sends a message with descriptors.
pub(super) fn send(socket: impl AsFd, message: &impl Serialize, with: &[BorrowedFd]) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() > LONGEST {
        return Err(io::Error::other("the message to the launcher is too long"));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !with.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(with)) {
        return Err(io::Error::other("too many descriptors for the launcher"));
    }
    sendmsg(socket, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives a message and its descriptors; nothing once the other end is closed.
pub(super) fn receive<T: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut bytes = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(&socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
    })?;
    let descriptors = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let descriptors = descriptors.flatten().collect();
    if received.bytes == 0 {
        return Ok(None);
    }
    Ok(Some((serde_json::from_slice(&bytes[..received.bytes])?, descriptors)))
}
