//! What is depended on: licences, sources, versions that are there twice.

use std::process::Command;

use crate::advisories;
use crate::checkout::{Checkout, succeed};
use crate::steps::Steps;
use crate::tools;

/// Holes that are known are in advisories.toml; where the network allows it, the newest are looked up by
/// `cargo deny check`.
pub(crate) fn run(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("supply chain", || {
        let mut deny = Command::new(tools::installed(checkout, "cargo-deny", "0.20.2")?);
        deny.args(["--log-level", "warn", "check", "bans", "licenses", "sources"]);
        deny.current_dir(&checkout.root);
        succeed(deny)
    })?;
    steps.step("known holes", || advisories::check(checkout))
}
