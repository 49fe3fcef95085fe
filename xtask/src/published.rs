//! What others build: the library with each choice of features, and each package from its own archive.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::checkout::{Checkout, succeed};
use crate::steps::Steps;

/// The packages that are published.
const PACKAGES: [&str; 4] = ["engine-streams", "engine-cli", "engine-sdk", "engine-sdk-macros"];

/// Which of them are built together: see `lint`.
const TOGETHER: [&[&str]; 2] = [&["engine-streams", "engine-cli"], &["engine-sdk", "engine-sdk-macros"]];

/// Features of the library that programs may choose alone; the first choice is none.
const FEATURES: [&str; 4] = ["", "net", "cluster", "otlp"];

/// Checks the library without features, and with each of them alone.
pub(crate) fn features(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    for feature in FEATURES {
        let title = format!("the library with {}", if feature.is_empty() { "no feature" } else { feature });
        steps.step(&title, || {
            let library = ["clippy", "--release", "--package", "engine-streams", "--lib"];
            let features = ["--no-default-features", "--features", feature, "--", "-D", "warnings"];
            succeed(checkout.cargo(&[&library[..], &features].concat()))
        })?;
    }
    Ok(())
}

/// Checks that each package can be built from what its archive contains.
///
/// `cargo package` would build everything below once more for each package, without optimisation. Here the contents of
/// the archives are a workspace, which has in common with the checkout what its packages depend on.
pub(crate) fn archives(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    let folder = checkout.target.join("tmp/published");
    steps.step("packages", || pack(checkout, &folder))?;
    for packages in TOGETHER {
        steps.step(&format!("the archives of {}", packages.join(" and ")), || {
            let packages = packages.iter().flat_map(|package| ["--package", package]);
            let mut check = checkout.cargo(&["check", "--release"]);
            check.args(packages).current_dir(&folder);
            succeed(check)
        })?;
    }
    Ok(())
}

/// Packs the packages, and unpacks them to a workspace in `folder`.
fn pack(checkout: &Checkout, folder: &Path) -> anyhow::Result<()> {
    let failed = || format!("can't make {}", folder.display());
    let packed = checkout.target.join("package");
    if packed.exists() {
        fs::remove_dir_all(&packed).with_context(|| format!("can't remove {}", packed.display()))?;
    }
    let mut package = checkout.cargo(&["package", "--quiet", "--no-verify", "--allow-dirty"]);
    package.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    succeed(package)?;
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(failed)?;
    }
    fs::create_dir_all(folder).with_context(failed)?;
    let mut manifest = "[workspace]\nmembers = [\"*\"]\nresolver = \"3\"\n\n[patch.crates-io]\n".to_owned();
    for name in PACKAGES {
        let archive = archive(&packed, name)?;
        let mut unpack = Command::new("tar");
        unpack.arg("-xzf").arg(packed.join(&archive)).arg("-C").arg(folder);
        succeed(unpack)?;
        let _ = writeln!(manifest, "{name} = {{ path = {:?} }}", archive.trim_end_matches(".crate"));
    }
    fs::write(folder.join("Cargo.toml"), manifest).with_context(failed)?;
    // What is built is then what was built before.
    fs::copy(checkout.root.join("Cargo.lock"), folder.join("Cargo.lock")).with_context(failed)?;
    Ok(())
}

/// The name of a package's archive, which ends with the version.
fn archive(folder: &Path, name: &str) -> anyhow::Result<String> {
    let failed = || format!("can't read {}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(failed)? {
        let file = entry.with_context(failed)?.file_name().to_string_lossy().into_owned();
        let version = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        if version
            .is_some_and(|rest| rest.ends_with(".crate") && rest.starts_with(|c: char| c.is_ascii_digit()))
        {
            found.push(file);
        }
    }
    ensure!(found.len() == 1, "there is not one archive of {name} but {}", found.len());
    Ok(found.remove(0))
}
