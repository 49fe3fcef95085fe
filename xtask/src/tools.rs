//! Further tools of cargo, built once into the target folder: the user's own installation stays as it is.

use std::path::PathBuf;
use std::process::Command;

use crate::checkout::{Checkout, succeed};

/// The program of a crate, which is built if it is not there in this version.
pub(crate) fn installed(checkout: &Checkout, name: &str, version: &str) -> anyhow::Result<PathBuf> {
    installed_with(checkout, name, version, &[])
}

/// The same, built with these arguments.
pub(crate) fn installed_with(
    checkout: &Checkout,
    name: &str,
    version: &str,
    args: &[&str],
) -> anyhow::Result<PathBuf> {
    let folder = checkout.target.join("tools");
    let mut install = Command::new("cargo");
    // Its own speed is of no account, that of building it is.
    install.args(["install", "--quiet", "--locked", "--debug", "--version", version, "--root"]).arg(&folder);
    install.arg("--target-dir").arg(folder.join("target")).arg(name).args(args).current_dir(&checkout.root);
    succeed(install)?;
    Ok(folder.join("bin").join(name))
}
