//! The kernel's calls, as an attacker makes them.

use std::fs;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A path as the kernel takes it. It is never freed: this process ends soon.
pub(super) fn text(path: &Path) -> i64 {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).expect("a path has no zero byte");
    path.into_raw() as i64
}

#[expect(unsafe_code, reason = "an attacker finds descriptors by their numbers")]
pub(super) fn own(number: i32) -> BorrowedFd<'static> {
    // SAFETY: it is only looked at, and a number that is no descriptor is answered with an error.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// The descriptor of a file that came with this process.
pub(super) fn inherited(path: &Path) -> Option<i32> {
    let known = fs::metadata(path).ok()?;
    let is_it = |number: &i32| {
        let open = rustix::fs::fstat(own(*number));
        open.is_ok_and(|open| (open.st_dev, open.st_ino) == (known.dev(), known.ino()))
    };
    (3..64).find(is_it)
}

/// Whether a process could be forked; the child ends at once.
pub(super) fn forks(flags: i32) -> bool {
    let child = calls(libc::SYS_clone, [(flags | libc::SIGCHLD).into(), 0, 0, 0, 0, 0]);
    if child == 0 {
        calls(libc::SYS_exit_group, [0; 6]);
    }
    child > 0
}

/// Whether a call of the kernel did what it was asked to.
pub(super) fn call(number: i64, arguments: [i64; 6]) -> bool {
    calls(number, arguments) >= 0
}

#[expect(unsafe_code, reason = "an attacker uses the kernel as it is")]
pub(super) fn calls(number: i64, [a, b, c, d, e, f]: [i64; 6]) -> i64 {
    // SAFETY: the pointers among the arguments are of memory that lives on; nothing else of this process is
    // touched, and it ends soon.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}
