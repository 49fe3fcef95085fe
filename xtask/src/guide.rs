//! The guide as a book: HTML, in the target folder.

use std::process::Command;

use crate::checkout::{Checkout, succeed};
use crate::steps::Steps;
use crate::tools;

pub(crate) fn run(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("the guide", || {
        // Without its own server, which takes longest to build.
        let args = ["--no-default-features", "--features", "search"];
        let mut book = Command::new(tools::installed_with(checkout, "mdbook", "0.5.4", &args)?);
        book.args(["build", "docs/guide", "--dest-dir"]).arg(checkout.target.join("guide"));
        book.current_dir(&checkout.root);
        succeed(book)
    })
}
