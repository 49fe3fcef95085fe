//! What is depended on: licences, sources, versions that are there twice.

use std::process::Command;

use crate::checkout::{Checkout, succeed};
use crate::steps::Steps;
use crate::tools;

pub(crate) fn run(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("supply chain", || {
        let mut deny = Command::new(tools::installed(checkout, "cargo-deny", "0.20.2")?);
        deny.args(["--log-level", "warn", "check", "bans", "licenses", "sources"]);
        deny.current_dir(&checkout.root);
        succeed(deny)
    })
}
