//! Unit, integration and documentation tests, of all packages.

use crate::checkout::{Checkout, succeed};
use crate::lint::PARTS;
use crate::steps::Steps;

pub(crate) fn run(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    let titles = ["tests of the engine", "tests of the benchmark", "tests of SDK and xtask"];
    for (title, part) in titles.into_iter().zip(PARTS) {
        steps.step(title, || succeed(checkout.cargo(&[&["test", "--release"], part].concat())))?;
    }
    // Functions of plugins are ordinary functions: their own tests run without WebAssembly.
    steps.step("tests of the plugins, native", || {
        succeed(checkout.cargo_in("plugins", &["test", "--workspace"]))
    })
}
