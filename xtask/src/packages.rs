//! What tests look through that is none of ours: a browser at the dashboard, Prometheus' parser at the figures, a
//! validator at the schema, cables that are pulled, sandboxes that crates are built in. In CI it is installed where
//! it is missing; elsewhere these tests are left out, which they say.

use std::process::{Command, Stdio};

use crate::checkout::succeed;

/// Debian's packages, and what succeeds where they are there.
const PACKAGES: [(&str, &[&str]); 5] = [
    ("bubblewrap", &["bwrap", "--version"]),
    ("chromium", &["chromium", "--version"]),
    ("python3-prometheus-client", &["/usr/bin/python3", "-c", "import prometheus_client"]),
    ("iproute2", &["tc", "-V"]),
    ("python3-jsonschema", &["/usr/bin/python3", "-c", "import jsonschema"]),
];

/// Installs what is missing, if this is CI.
pub(crate) fn complete() -> anyhow::Result<()> {
    let missing = PACKAGES.iter().filter(|(_, check)| !succeeds(check)).map(|(package, _)| *package);
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() || std::env::var_os("CI").is_none() || !succeeds(&["apt-get", "--version"]) {
        return Ok(());
    }
    install(&missing)
}

/// Installs Debian's packages.
#[expect(clippy::print_stdout, reason = "downloads are shown")]
pub(crate) fn install(packages: &[&str]) -> anyhow::Result<()> {
    let install = [&["install", "-q", "-y", "--no-install-recommends"], packages].concat();
    for args in [&["update", "-q"][..], &install] {
        println!("apt-get {}", args.join(" "));
        let mut install = Command::new("apt-get");
        install.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        succeed(install)?;
    }
    Ok(())
}

/// Whether a command ends well; what it says is not seen.
pub(crate) fn succeeds(command: &[&str]) -> bool {
    let mut process = Command::new(command[0]);
    process.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    process.status().is_ok_and(|status| status.success())
}
