//! What goes to the launcher and comes back, and the descriptors that go with it.

use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::named::Use;
use crate::process::Stdio;

/// The longest message, in bytes: a request is a few words, and a name.
const LONGEST: usize = 16 << 10;

/// The most descriptors that go with a message: a line, and three streams.
const MOST: usize = 4;

/// What the launcher receives before the wall is raised.
#[derive(Serialize, Deserialize)]
pub(super) enum Setup {
    /// One more file that it may be asked for. Its folder comes along.
    File { name: OsString, used: Use },
    /// The programs that it may be asked for come as JSON through the pipe that comes along. That was all.
    Programs,
}

/// What the launcher is asked for: files and programs by their places among those of which it was told.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum Request {
    /// Start a program. Its line comes along, and then those of its streams that are given.
    Start { program: usize, streams: [Stdio; 3] },
    /// Do something with a file. A line for the reply comes along.
    File { file: usize, act: Act },
}

/// What is to be done with a file.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum Act {
    /// Open it to read and write it, and make it if it is not there.
    Open { append: bool },
    /// Begin a draft of it, in the place of one that was begun before.
    Draft { private: bool },
    /// Put the draft in its place.
    Commit,
    /// Remove the draft.
    Discard,
    /// Remove it.
    Remove,
    /// Give it and the older ones the next names.
    Rotate,
}

/// What comes back, on the line.
#[derive(Serialize, Deserialize)]
pub(super) enum Reply {
    /// The program ended with this status, as the system tells it.
    Ended(i32),
    /// It could not be done: the system's number for that, and the same as text.
    Failed(Option<i32>, String),
    /// It is done. If a file was to be opened, its descriptor comes along.
    Done,
}

/// Sends a message with descriptors.
pub(super) fn send(socket: impl AsFd, message: &impl Serialize, with: &[BorrowedFd]) -> io::Result<()> {
    pass(socket, message, with, SendFlags::NOSIGNAL)
}

/// Like [`send`], but never blocks: the other end of a line may not be reading.
pub(super) fn reply(line: impl AsFd, reply: &Reply, with: &[BorrowedFd]) -> io::Result<()> {
    pass(line, reply, with, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
}

fn pass(
    socket: impl AsFd,
    message: &impl Serialize,
    with: &[BorrowedFd],
    flags: SendFlags,
) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() > LONGEST {
        return Err(io::Error::other("the message to the launcher is too long"));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !with.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(with)) {
        return Err(io::Error::other("too many descriptors for the launcher"));
    }
    sendmsg(socket, &[IoSlice::new(&bytes)], &mut ancillary, flags)?;
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
