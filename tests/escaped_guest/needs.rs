//! What attacks need of the machine to succeed without a wall: not all kernels, users and containers let them.

use std::fs;
use std::path::Path;

/// Whether this machine has something.
type Condition = fn() -> bool;

/// The attacks that need something, and whether this machine has it.
pub(super) const NEEDS: &[(&str, Condition)] = &[
    ("read the passwords", || has_capability(DAC_OVERRIDE) && Path::new("/etc/shadow").exists()),
    ("make a device", || has_capability(MKNOD)),
    ("open a raw socket", || has_capability(NET_RAW)),
    ("fork in a namespace", || has_capability(SYS_ADMIN)),
    ("make a namespace", || has_capability(SYS_ADMIN)),
    ("become another user", || has_capability(SETUID)),
    ("trace another process", || has_capability(SYS_PTRACE) && !says("kernel/yama/ptrace_scope", "3")),
    ("queue calls of the kernel", || is_unconfined() && says("kernel/io_uring_disabled", "0")),
    ("connect by another protocol", || is_unconfined() && says("net/mptcp/enabled", "1")),
    // Bit 0: clients may.
    ("connect while sending", || is_unconfined() && says("net/ipv4/tcp_fastopen", "1")),
];

const DAC_OVERRIDE: u32 = 1;
const SETUID: u32 = 7;
const NET_RAW: u32 = 13;
const SYS_PTRACE: u32 = 19;
const SYS_ADMIN: u32 = 21;
const MKNOD: u32 = 27;

/// Whether this process has a capability of the kernel, and nothing that takes it away again.
fn has_capability(number: u32) -> bool {
    let set = status("CapEff:").and_then(|set| u64::from_str_radix(&set, 16).ok());
    is_unconfined() && set.is_some_and(|set| set & (1 << number) != 0)
}

/// Whether this process is in no container, as far as that is visible: no filter of calls, no namespace of users.
fn is_unconfined() -> bool {
    let users = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    status("Seccomp:").is_some_and(|mode| mode == "0")
        && users.split_whitespace().eq(["0", "0", "4294967295"])
}

/// A line of what the kernel says of this process.
fn status(name: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
}

/// Whether a setting of the kernel has this value.
fn says(setting: &str, value: &str) -> bool {
    fs::read_to_string(Path::new("/proc/sys").join(setting)).is_ok_and(|set| set.trim() == value)
}
