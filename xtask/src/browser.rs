//! The browser that tests look at the dashboard through. In CI it is installed where it is missing; elsewhere its
//! tests are left out, which they say.

use std::process::{Command, Stdio};

use crate::checkout::succeed;

/// Installs Chromium from Debian's packages, if this is CI and it is not there.
#[expect(clippy::print_stdout, reason = "a download is told")]
pub(crate) fn complete() -> anyhow::Result<()> {
    if answers("chromium") || std::env::var_os("CI").is_none() || !answers("apt-get") {
        return Ok(());
    }
    for args in [&["update", "-q"][..], &["install", "-q", "-y", "--no-install-recommends", "chromium"]] {
        println!("apt-get {}", args.join(" "));
        let mut install = Command::new("apt-get");
        install.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        succeed(install)?;
    }
    Ok(())
}

fn answers(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
