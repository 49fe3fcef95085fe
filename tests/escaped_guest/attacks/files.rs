//! Attacks on files.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::calls::{call, calls, inherited, text};
use crate::stand_in::Try;

/// Each is true if it succeeded.
pub(super) const ATTACKS: &[(&str, Try)] = &[
    ("read a secret", |role| fs::read(&role.secret).is_ok()),
    ("read the passwords", |_| fs::read("/etc/shadow").is_ok()),
    ("read by way of /proc", |role| fs::read(under("/proc/self/root", &role.secret)).is_ok()),
    ("read by a link in a granted folder", |role| {
        let link = role.granted.join("link");
        symlink(&role.secret, &link).is_ok() && fs::read(link).is_ok()
    }),
    ("root a granted folder elsewhere", |role| {
        let link = role.granted.join("in");
        let outside = role.secret.parent().expect("it is in a folder");
        let _ = fs::rename(&link, role.granted.join("in-before"));
        symlink(outside, &link).is_ok() && fs::read_dir(link).is_ok()
    }),
    ("read a secret that the process inherited", |role| inherited(&role.secret).is_some()),
    ("list a folder", |role| fs::read_dir(role.secret.parent().expect("it is in a folder")).is_ok()),
    ("overwrite a file", |role| File::options().write(true).open(&role.secret).is_ok()),
    ("shorten a file", |role| call(libc::SYS_truncate, [text(&role.secret), 1, 0, 0, 0, 0])),
    ("make a file", |role| fs::write(role.secret.with_file_name("made"), "1").is_ok()),
    ("remove a file", |role| fs::remove_file(role.secret.with_file_name("spare")).is_ok()),
    ("move a file into a granted folder", |role| {
        fs::rename(role.secret.with_file_name("other"), role.granted.join("moved")).is_ok()
    }),
    ("link a file into a granted folder", |role| {
        fs::hard_link(&role.secret, role.granted.join("linked")).is_ok()
    }),
    ("move a file out of a granted folder", |role| {
        let mine = role.granted.join("to-move");
        fs::write(&mine, "1").is_ok() && fs::rename(mine, role.secret.with_file_name("moved")).is_ok()
    }),
    ("link a file out of a granted folder", |role| {
        let mine = role.granted.join("to-link");
        fs::write(&mine, "1").is_ok() && fs::hard_link(mine, role.secret.with_file_name("linked")).is_ok()
    }),
    ("change permissions", |role| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&role.secret, fs::Permissions::from_mode(0o666)).is_ok()
    }),
    ("change permissions by a descriptor", |role| {
        File::open(&role.plugin)
            .is_ok_and(|file| call(libc::SYS_fchmod, [file.as_raw_fd().into(), 0o666, 0, 0, 0, 0]))
    }),
    ("set the times of a file", |role| {
        call(libc::SYS_utimensat, [libc::AT_FDCWD.into(), text(&role.secret), 0, 0, 0, 0])
    }),
    ("set the times of a file by a descriptor of its name", |role| {
        let opened = calls(
            libc::SYS_openat,
            [libc::AT_FDCWD.into(), text(&role.secret), libc::O_PATH.into(), 0, 0, 0],
        );
        let empty = c"".as_ptr() as i64;
        opened >= 0 && call(libc::SYS_utimensat, [opened, empty, 0, libc::AT_EMPTY_PATH.into(), 0, 0])
    }),
    ("change the plugin", |role| File::options().write(true).open(&role.plugin).is_ok()),
    ("keep compiled code for others", |role| fs::write(role.compiled.join("planted"), "1").is_ok()),
    ("make a device", |role| {
        let path = role.granted.join("disk");
        call(
            libc::SYS_mknodat,
            [libc::AT_FDCWD as i64, text(&path), (libc::S_IFBLK | 0o600).into(), 0x100, 0, 0],
        )
    }),
];

/// A path as another process's root has it.
fn under(root: &str, path: &Path) -> PathBuf {
    Path::new(root).join(path.strip_prefix("/").unwrap_or(path))
}
