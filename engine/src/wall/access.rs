//! Landlock: the paths, TCP ports and processes that remain reachable.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope,
};

use super::{Part, Raised, Rules, WallError};

/// What is asked for; an older kernel does less.
const ABI: ABI = ABI::V6;

/// What the process reads of the machine and of itself, whatever it runs.
const MACHINE: &[&str] = &[
    "/proc/self",
    "/proc/meminfo",
    "/proc/sys/vm",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/dev/urandom",
];

/// What a lookup of names reads. A resolver may be a local service, which replaces its file now and then.
const NAMES: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/ld.so.cache",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/systemd/resolve",
];

/// Certificates of authorities, which TLS connections are checked against.
const CERTIFICATES: &[&str] =
    &["/etc/ssl", "/etc/pki", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"];

/// The kernel's numbers for what has no name in a file system.
const PIPES: u64 = 0x5049_5045;
const SOCKETS: u64 = 0x534f_434b;
const ANONYMOUS: u64 = 0x0904_1934;

/// Variables that name other certificates.
const OWN_CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Restricts this thread and all that it will start.
pub(super) fn restrict(rules: &Rules) -> Result<Raised, WallError> {
    let mut raised = Raised::default();
    let files = |ruleset: Ruleset| {
        add_paths(ruleset.handle_access(AccessFs::from_all(ABI))?.create()?, rules)?.restrict_self()
    };
    enforce(Part::Files, files, &mut raised)?;
    let handled = if rules.connects_anywhere { AccessNet::BindTcp.into() } else { AccessNet::from_all(ABI) };
    let ports = |ruleset: Ruleset| {
        let handled = needed(ruleset).handle_access(handled)?;
        add_ports(moving(handled)?, rules)?.restrict_self()
    };
    enforce(Part::Ports, ports, &mut raised)?;
    let signals = |ruleset: Ruleset| moving(needed(ruleset).scope(Scope::from_all(ABI))?)?.restrict_self();
    enforce(Part::Signals, signals, &mut raised)?;
    Ok(raised)
}

/// What a layer is for: a kernel that does not know it all gets no such layer.
fn needed(ruleset: Ruleset) -> Ruleset {
    ruleset.set_compatibility(CompatLevel::SoftRequirement)
}

/// Lets files be moved and linked between folders, which each layer denies that does not allow it. That of the files
/// says between which.
fn moving(ruleset: Ruleset) -> Result<RulesetCreated, RulesetError> {
    let ruleset =
        ruleset.set_compatibility(CompatLevel::BestEffort).handle_access(AccessFs::Refer)?.create()?;
    add_path(ruleset, Path::new("/"), AccessFs::Refer.into())
}

/// Enforces a ruleset, or notes that this is not possible here.
fn enforce(
    part: Part,
    restrict: impl FnOnce(Ruleset) -> Result<RestrictionStatus, RulesetError>,
    raised: &mut Raised,
) -> Result<(), WallError> {
    let ruleset = Ruleset::default();
    // It has asked the kernel for its version. If nothing can be enforced, this tells why.
    let no_version = io::Error::last_os_error();
    match restrict(ruleset) {
        Ok(status) if status.ruleset != RulesetStatus::NotEnforced => {}
        Ok(status) => {
            let is_unknown = status.landlock == LandlockStatus::NotImplemented;
            let is_refused = is_unknown && no_version.kind() == io::ErrorKind::PermissionDenied;
            if is_refused { &mut raised.refused } else { &mut raised.missing }.push(part);
        }
        Err(error) if is_refusal(&error) => raised.refused.push(part),
        Err(error) => return Err(WallError::new(part.step(), &error)),
    }
    Ok(())
}

/// Whether the kernel may be able to do it, and does not let this process.
fn is_refusal(error: &(dyn std::error::Error + 'static)) -> bool {
    let cause = std::iter::successors(Some(error), |error| error.source()).last();
    let cause = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied)
}

fn add_paths(mut ruleset: RulesetCreated, rules: &Rules) -> Result<RulesetCreated, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let resolver = NAMES.iter().filter(|_| rules.resolves);
    let certificates = CERTIFICATES.iter().filter(|_| rules.have_network());
    let machine = MACHINE.iter().chain(resolver).chain(certificates).map(Path::new);
    let own = OWN_CERTIFICATES.iter().filter(|_| rules.have_network()).filter_map(std::env::var_os);
    let own: Vec<_> = own.map(PathBuf::from).collect();
    let all = machine.chain(own.iter().map(PathBuf::as_path));
    for path in all.chain(rules.reads.iter().map(PathBuf::as_path)) {
        ruleset = add_path(ruleset, path, read)?;
    }
    for path in &rules.writes {
        ruleset = add_path(ruleset, path, writing())?;
    }
    add_path(ruleset, Path::new("/dev/null"), writing())
}

/// All that may be done with files and folders, but to run programs and to make devices and sockets.
fn writing() -> BitFlags<AccessFs> {
    let never = AccessFs::Execute
        | AccessFs::MakeChar
        | AccessFs::MakeBlock
        | AccessFs::MakeSock
        | AccessFs::MakeFifo;
    AccessFs::from_all(ABI) & !never
}

fn add_path(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    // What is not there can't be reached.
    let Ok(opened) = PathFd::new(path) else { return Ok(ruleset) };
    // A pipe or socket without a name is reachable by its descriptor alone.
    let nameless = [PIPES, SOCKETS, ANONYMOUS];
    if rustix::fs::fstatfs(&opened).is_ok_and(|known| nameless.contains(&(known.f_type as u64))) {
        return Ok(ruleset);
    }
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(ABI) };
    // Kernels that know fewer rights take those that they know.
    ruleset.set_compatibility(CompatLevel::BestEffort).add_rule(PathBeneath::new(opened, access))
}

fn add_ports(mut ruleset: RulesetCreated, rules: &Rules) -> Result<RulesetCreated, RulesetError> {
    for port in rules.connects.iter().filter(|_| !rules.connects_anywhere) {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    for port in &rules.listens {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    Ok(ruleset)
}
