//! Attacks on other processes, and programs that are started.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::process::Command;

use crate::calls::{call, forks};
use crate::stand_in::Try;

/// Each is true if it succeeded.
pub(super) const ATTACKS: &[(&str, Try)] = &[
    ("run a program", |_| Command::new("/bin/true").status().is_ok()),
    ("have a signal sent by a pipe", |role| {
        std::io::pipe().is_ok_and(|(pipe, _)| {
            call(
                libc::SYS_fcntl,
                [pipe.as_raw_fd().into(), libc::F_SETOWN.into(), role.victim.into(), 0, 0, 0],
            )
        })
    }),
    ("fork", |_| forks(0)),
    ("fork in a namespace", |_| {
        call(libc::SYS_clone, [0x1000_0000 | i64::from(libc::SIGCHLD), 0, 0, 0, 0, 0])
    }),
    ("trace another process", |role| {
        let seize = call(libc::SYS_ptrace, [0x4206, role.victim.into(), 0, 0, 0, 0]);
        // It goes on, if this was no attack but a try without a wall.
        let _ = call(libc::SYS_ptrace, [17, role.victim.into(), 0, 0, 0, 0]);
        seize
    }),
    ("read another process's memory", |role| File::open(format!("/proc/{}/mem", role.victim)).is_ok()),
    ("read another process's environment", |role| fs::read(format!("/proc/{}/environ", role.victim)).is_ok()),
    ("take another process's descriptors", |role| {
        call(libc::SYS_pidfd_open, [role.victim.into(), 0, 0, 0, 0, 0])
    }),
    ("signal another process", |role| call(libc::SYS_kill, [role.victim.into(), 0, 0, 0, 0, 0])),
];
