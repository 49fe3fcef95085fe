//! Unit, integration and documentation tests.

use crate::checkout::{Checkout, succeed};
use crate::lint::{ENGINE, OTHER_PACKAGES, WITH_BENCH};
use crate::steps::Steps;
use crate::suites::Form;

/// What random tests try in full: sequences of host calls, and worlds of a cluster.
const FULL: [(&str, &str); 2] = [("ENGINE_SEQUENCES", "10000"), ("ENGINE_SEEDS", "100000")];

pub(crate) fn engine(checkout: &Checkout, steps: &mut Steps, form: Form) -> anyhow::Result<()> {
    steps.step("tests of the engine", || {
        let mut test = checkout.cargo(&[&["test", "--release"], ENGINE].concat());
        if form == Form::Full {
            test.envs(FULL);
        }
        succeed(test)
    })
}

pub(crate) fn sdk(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("tests of SDK and xtask", || test(checkout, OTHER_PACKAGES))?;
    // Functions of plugins are ordinary functions: their own tests run without WebAssembly.
    steps.step("tests of the plugins, native", || {
        succeed(checkout.cargo_in("plugins", &["test", "--workspace"]))
    })
}

pub(crate) fn bench(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("tests of the benchmark", || test(checkout, &[WITH_BENCH, &["--bin", "bench"]].concat()))
}

fn test(checkout: &Checkout, packages: &[&str]) -> anyhow::Result<()> {
    succeed(checkout.cargo(&[&["test", "--release"], packages].concat()))
}
