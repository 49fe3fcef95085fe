//! The process that the launcher works for.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Stat, fstat};

/// The process at the other end of a socket. Others may hold that end too, so it is watched itself.
pub(super) struct Peer {
    pub(super) socket: OwnedFd,
    /// None where the kernel can't watch it (before Linux 5.3): then the socket tells.
    process: Option<OwnedFd>,
}

impl Peer {
    /// The process that started this one, at the other end of stdin.
    pub(super) fn parent() -> io::Result<Self> {
        Ok(Self { socket: io::stdin().as_fd().try_clone_to_owned()?, process: watched() })
    }

    /// Waits until it says something: false once it is gone.
    pub(super) fn speaks(&self) -> bool {
        self.look(None, PollFlags::IN)
    }

    /// Whether it has ended.
    pub(super) fn is_gone(&self) -> bool {
        !self.look(Some(&Timespec { tv_sec: 0, tv_nsec: 0 }), PollFlags::empty())
    }

    /// Looks for what the socket says, and whether the process is there.
    fn look(&self, longest: Option<&Timespec>, said: PollFlags) -> bool {
        let mut asked = vec![PollFd::new(&self.socket, said)];
        asked.extend(self.process.iter().map(|process| PollFd::new(process, PollFlags::IN)));
        let looked = rustix::io::retry_on_intr(|| poll(&mut asked, longest));
        let closed = asked[0].revents() - PollFlags::IN;
        looked.is_ok() && closed.is_empty() && asked[1..].iter().all(|process| process.revents().is_empty())
    }
}

#[cfg(target_os = "linux")]
fn watched() -> Option<OwnedFd> {
    use rustix::process::{PidfdFlags, getppid, pidfd_open};

    pidfd_open(getppid()?, PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn watched() -> Option<OwnedFd> {
    None
}

/// Whether a program may have this for a stream: nothing that could carry descriptors.
pub(super) fn is_plain(given: &OwnedFd) -> bool {
    fstat(given).is_ok_and(|known| {
        let kind = FileType::from_raw_mode(known.st_mode);
        matches!(kind, FileType::Fifo | FileType::RegularFile | FileType::CharacterDevice)
    })
}

/// Whether it is what this process has for its stdout or stderr, which may be a socket.
pub(super) fn is_own(given: &OwnedFd) -> bool {
    let is_given = |own: rustix::io::Result<Stat>| {
        own.is_ok_and(|own| {
            fstat(given).is_ok_and(|given| (given.st_dev, given.st_ino) == (own.st_dev, own.st_ino))
        })
    };
    is_given(fstat(io::stdout())) || is_given(fstat(io::stderr()))
}
