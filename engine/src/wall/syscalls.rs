//! Seccomp: the calls of the kernel that remain.
//!
//! What is not listed is answered as on a kernel that does not know it, for which libraries have another
//! way. What an attacker would want most is refused by name, so that the cause shows in a trace.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpArgLen::Qword, SeccompCmpOp,
    SeccompCmpOp::MaskedEq, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use super::{Part, Raised, Rules, WallError};

/// Memory, threads, time, and what a runtime does with descriptors that are open.
#[rustfmt::skip]
const COMMON: &[libc::c_long] = &[
    // Memory.
    libc::SYS_brk, libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_mprotect, libc::SYS_madvise,
    libc::SYS_msync, libc::SYS_mlock, libc::SYS_mlock2, libc::SYS_munlock, libc::SYS_mincore, libc::SYS_membarrier,
    libc::SYS_pkey_alloc, libc::SYS_pkey_free, libc::SYS_pkey_mprotect, libc::SYS_memfd_create,
    // Threads, their scheduling and their end.
    libc::SYS_futex, libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_set_tid_address,
    libc::SYS_rseq, libc::SYS_gettid, libc::SYS_getpid, libc::SYS_getppid, libc::SYS_getpgid, libc::SYS_getsid,
    libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_setaffinity, libc::SYS_getcpu,
    libc::SYS_exit, libc::SYS_exit_group, libc::SYS_restart_syscall, libc::SYS_wait4, libc::SYS_waitid,
    // Signals of its own.
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_rt_sigpending,
    libc::SYS_rt_sigtimedwait, libc::SYS_rt_sigsuspend, libc::SYS_sigaltstack,
    // Time.
    libc::SYS_nanosleep, libc::SYS_clock_nanosleep, libc::SYS_clock_gettime, libc::SYS_clock_getres,
    libc::SYS_gettimeofday, libc::SYS_timerfd_create, libc::SYS_timerfd_settime, libc::SYS_timerfd_gettime,
    libc::SYS_setitimer, libc::SYS_getitimer, libc::SYS_times,
    // What it is, and what it may use.
    libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getgroups,
    libc::SYS_getresuid, libc::SYS_getresgid, libc::SYS_getrlimit, libc::SYS_getrusage, libc::SYS_sysinfo,
    libc::SYS_uname, libc::SYS_getrandom, libc::SYS_prctl, libc::SYS_capget, libc::SYS_umask, libc::SYS_getcwd,
    // Descriptors that are open.
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64,
    libc::SYS_preadv, libc::SYS_pwritev, libc::SYS_preadv2, libc::SYS_pwritev2, libc::SYS_close,
    libc::SYS_close_range, libc::SYS_dup, libc::SYS_dup3, libc::SYS_flock, libc::SYS_lseek,
    libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_sync_file_range, libc::SYS_syncfs, libc::SYS_ftruncate,
    libc::SYS_fallocate, libc::SYS_fadvise64, libc::SYS_copy_file_range, libc::SYS_sendfile, libc::SYS_splice,
    libc::SYS_tee, libc::SYS_vmsplice, libc::SYS_pipe2, libc::SYS_eventfd2, libc::SYS_signalfd4,
    libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2,
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_inotify_init1, libc::SYS_inotify_add_watch,
    libc::SYS_inotify_rm_watch,
    // Paths, which landlock bounds.
    libc::SYS_openat, libc::SYS_openat2, libc::SYS_newfstatat, libc::SYS_fstat, libc::SYS_statx,
    libc::SYS_statfs, libc::SYS_fstatfs, libc::SYS_faccessat, libc::SYS_faccessat2, libc::SYS_readlinkat,
    libc::SYS_getdents64, libc::SYS_chdir, libc::SYS_fchdir, libc::SYS_mkdirat, libc::SYS_unlinkat,
    libc::SYS_renameat, libc::SYS_renameat2, libc::SYS_linkat, libc::SYS_symlinkat,
    // Sockets that are open, and pairs of them.
    libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_sendmmsg,
    libc::SYS_recvmmsg, libc::SYS_shutdown, libc::SYS_getsockname, libc::SYS_getpeername,
    libc::SYS_getsockopt, libc::SYS_setsockopt,
    // Layers of the wall itself: they only ever take away.
    libc::SYS_seccomp, libc::SYS_landlock_create_ruleset, libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
];

/// The same under their older names.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLD: &[libc::c_long] = &[
    libc::SYS_open, libc::SYS_creat, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink,
    libc::SYS_getdents, libc::SYS_mkdir, libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_rename, libc::SYS_link,
    libc::SYS_symlink, libc::SYS_dup2, libc::SYS_pipe, libc::SYS_poll, libc::SYS_select, libc::SYS_eventfd,
    libc::SYS_epoll_create, libc::SYS_epoll_wait, libc::SYS_inotify_init, libc::SYS_time, libc::SYS_alarm,
    libc::SYS_getpgrp, libc::SYS_arch_prctl, libc::SYS_pause,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[libc::c_long] = &[];

/// What a connection needs, where the rules have any.
#[rustfmt::skip]
const NETWORK: &[libc::c_long] = &[
    libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept4, libc::SYS_accept,
];

/// What an attacker would want most.
#[rustfmt::skip]
const FORBIDDEN: &[libc::c_long] = &[
    // Programs.
    libc::SYS_execve, libc::SYS_execveat,
    // Other processes, their memory and their descriptors.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_process_madvise,
    libc::SYS_pidfd_open, libc::SYS_pidfd_getfd, libc::SYS_pidfd_send_signal, libc::SYS_kcmp, libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo,
    // Namespaces and mounts.
    libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root,
    libc::SYS_chroot, libc::SYS_open_tree, libc::SYS_move_mount, libc::SYS_fsopen, libc::SYS_mount_setattr,
    // Owners and permissions, which landlock does not bound.
    libc::SYS_fchmod, libc::SYS_fchmodat, libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_setxattr, libc::SYS_lsetxattr,
    libc::SYS_fsetxattr, libc::SYS_removexattr, libc::SYS_lremovexattr, libc::SYS_fremovexattr, libc::SYS_mknodat,
    libc::SYS_open_by_handle_at, libc::SYS_name_to_handle_at,
    // The kernel.
    libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_keyctl, libc::SYS_add_key,
    libc::SYS_request_key, libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module,
    libc::SYS_kexec_load, libc::SYS_reboot, libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_settimeofday,
    libc::SYS_clock_settime, libc::SYS_adjtimex, libc::SYS_sethostname, libc::SYS_setdomainname,
    libc::SYS_personality, libc::SYS_quotactl, libc::SYS_acct, libc::SYS_syslog,
    // Users.
    libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid,
    libc::SYS_setresgid, libc::SYS_setgroups, libc::SYS_capset,
];

/// The kinds of new namespaces that a thread could be started in.
const NAMESPACES: u64 = 0x7e02_0080;

type Calls = BTreeMap<i64, Vec<SeccompRule>>;

/// Restricts this thread and all that it will start.
pub(super) fn restrict(rules: &Rules) -> Result<Raised, WallError> {
    let failed = |error: seccompiler::Error| WallError::new(Part::Calls.step(), &error);
    let missing = Raised { missing: vec![Part::Calls], refused: Vec::new() };
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(missing) };
    let (allow, refuse) = (SeccompAction::Allow, |error: i32| SeccompAction::Errno(error.unsigned_abs()));
    // The filter that is added last decides with which error a call is refused.
    let allowed = allowed(rules).map_err(|error| failed(error.into()))?;
    let allowed = program(allowed, refuse(libc::ENOSYS), allow.clone(), arch).map_err(failed)?;
    let forbidden = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    let forbidden = program(forbidden, allow, refuse(libc::EPERM), arch).map_err(failed)?;
    match seccompiler::apply_filter(&allowed).and_then(|()| seccompiler::apply_filter(&forbidden)) {
        Ok(()) => Ok(Raised::default()),
        // A kernel without seccomp.
        Err(seccompiler::Error::Seccomp(error))
            if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) =>
        {
            Ok(missing)
        }
        Err(seccompiler::Error::Seccomp(error) | seccompiler::Error::Prctl(error))
            if error.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            Ok(Raised { missing: Vec::new(), refused: vec![Part::Calls] })
        }
        Err(error) => Err(failed(error)),
    }
}

fn program(
    calls: Calls,
    otherwise: SeccompAction,
    listed: SeccompAction,
    arch: TargetArch,
) -> Result<BpfProgram, seccompiler::Error> {
    Ok(SeccompFilter::new(calls, otherwise, listed, arch)?.try_into()?)
}

/// The calls that remain, some of them only with certain arguments.
fn allowed(rules: &Rules) -> Result<Calls, seccompiler::BackendError> {
    let network = NETWORK.iter().filter(|_| rules.have_network());
    let mut calls: Calls = COMMON.iter().chain(OLD).chain(network).map(|call| (*call, Vec::new())).collect();
    let own = u64::from(std::process::id());
    let is = |argument, op, value| SeccompCondition::new(argument, Dword, op, value);
    let all = SeccompRule::new;
    // Threads, but no processes and no namespaces.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let threads = all(vec![is(0, MaskedEq(thread | NAMESPACES), thread)?])?;
    calls.insert(libc::SYS_clone, vec![threads]);
    for call in [libc::SYS_kill, libc::SYS_tgkill] {
        calls.insert(call, vec![all(vec![is(0, SeccompCmpOp::Eq, own)?])?]);
    }
    let oneself = [0, own].map(|id| all(vec![is(0, SeccompCmpOp::Eq, id)?]));
    calls.insert(libc::SYS_prlimit64, oneself.into_iter().collect::<Result<_, _>>()?);
    // Times of files that are open: landlock knows nothing of those of files that are only named.
    let no_path = SeccompCondition::new(1, Qword, SeccompCmpOp::Eq, 0)?;
    calls.insert(libc::SYS_utimensat, vec![all(vec![no_path])?]);
    // Pairs that carry datagrams could send them to any socket that has a name.
    let mut pairs = Vec::new();
    for kind in [libc::SOCK_STREAM, libc::SOCK_SEQPACKET] {
        let family = is(0, SeccompCmpOp::Eq, libc::AF_UNIX.unsigned_abs().into())?;
        pairs.push(all(vec![family, is(1, MaskedEq(0xf), kind.unsigned_abs().into())?])?);
    }
    calls.insert(libc::SYS_socketpair, pairs);
    // Sending may also connect, which landlock does not see.
    let connects = u64::from(libc::MSG_FASTOPEN.unsigned_abs());
    for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        calls.insert(call, vec![all(vec![is(flags, MaskedEq(connects), 0)?])?]);
    }
    // Descriptors may not send signals of their choice to other processes.
    let signals = [libc::F_SETOWN, F_SETSIG, F_SETOWN_EX];
    let signals = signals.into_iter().map(|command| is(1, SeccompCmpOp::Ne, command.unsigned_abs().into()));
    calls.insert(libc::SYS_fcntl, vec![all(signals.collect::<Result<_, _>>()?)?]);
    // Terminals take input, and consoles commands, by way of the first two.
    let harmful = [libc::TIOCSTI, TIOCLINUX, FIOSETOWN, SIOCSPGRP];
    let harmful = harmful.into_iter().map(|request| is(1, SeccompCmpOp::Ne, request));
    calls.insert(libc::SYS_ioctl, vec![all(harmful.collect::<Result<_, _>>()?)?]);
    if rules.have_network() {
        calls.insert(libc::SYS_socket, sockets(rules)?);
    }
    Ok(calls)
}

/// Sends commands to a Linux console.
const TIOCLINUX: u64 = 0x541c;

/// What a descriptor sends signals to, and which.
const F_SETSIG: i32 = 10;
const F_SETOWN_EX: i32 = 15;
const FIOSETOWN: u64 = 0x8901;
const SIOCSPGRP: u64 = 0x8902;

/// Sockets of the internet: TCP, and UDP where names are looked up. None that are raw, none of other kinds, and no
/// other protocols, which landlock knows nothing of.
fn sockets(rules: &Rules) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let tcp = (libc::SOCK_STREAM, libc::IPPROTO_TCP);
    let udp = (libc::SOCK_DGRAM, libc::IPPROTO_UDP);
    let mut sockets = Vec::new();
    for (kind, usual) in [tcp].into_iter().chain(rules.resolves.then_some(udp)) {
        for family in [libc::AF_INET, libc::AF_INET6] {
            for protocol in [0, usual] {
                let is = |argument, op, value: i32| {
                    SeccompCondition::new(argument, Dword, op, value.unsigned_abs().into())
                };
                sockets.push(SeccompRule::new(vec![
                    is(0, SeccompCmpOp::Eq, family)?,
                    is(1, MaskedEq(0xf), kind)?,
                    is(2, SeccompCmpOp::Eq, protocol)?,
                ])?);
            }
        }
    }
    Ok(sockets)
}
