//! Attacks on the kernel.

use crate::calls::call;
use crate::stand_in::Try;

/// Each is true if it succeeded.
pub(super) const ATTACKS: &[(&str, Try)] = &[
    ("make a namespace", |_| call(libc::SYS_unshare, [libc::CLONE_NEWNS.into(), 0, 0, 0, 0, 0])),
    ("queue calls of the kernel", |_| {
        let room = [0_u8; 256];
        call(libc::SYS_io_uring_setup, [1, room.as_ptr() as i64, 0, 0, 0, 0])
    }),
    // The last, since it is no root any more.
    ("become another user", |_| call(libc::SYS_setuid, [65_534, 0, 0, 0, 0, 0])),
];
