//! Known holes of crates: `advisories.toml` is made from RustSec's database, and Cargo.lock is checked
//! against it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use semver::{Version, VersionReq};
use serde::Deserialize;

use crate::checkout::{Checkout, succeed};

const DATABASE: &str = "https://github.com/RustSec/advisory-db";
const FILE: &str = "advisories.toml";

const HEADER: &str = "\
# Known holes of crates: which versions have them. `cargo xtask ci` checks Cargo.lock against it.
# Made by `cargo xtask advisories`, which needs the network, or by `cargo xtask advisories --from PATH` of a clone of
# https://github.com/RustSec/advisory-db; only what is under [[accepted]] is written by hand (id, reason).
# All crates are here, so that a dependency that is added later is checked too.
";

/// Write advisories.toml again
#[derive(clap::Args)]
pub(crate) struct Advisories {
    /// A clone of RustSec's advisory-db, bare or not; fetched from the network by default
    #[arg(long, value_name = "PATH")]
    from: Option<PathBuf>,
    /// The database's date, as 2026-11-28; that of its last commit by default
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
}

/// `advisories.toml`.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Known {
    /// The day that the database is of. None before it was read for the first time.
    date: Option<String>,
    #[serde(default)]
    advisory: Vec<Advisory>,
    #[serde(default)]
    accepted: Vec<Accepted>,
}

/// A hole, and the versions that don't have it. All others do.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Advisory {
    id: String,
    package: String,
    #[serde(default)]
    patched: Vec<VersionReq>,
    #[serde(default)]
    unaffected: Vec<VersionReq>,
}

/// A hole that does no harm here.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Accepted {
    id: String,
    reason: String,
}

/// What stands at the start of an advisory of the database.
#[derive(Deserialize)]
struct Entry {
    advisory: Head,
    #[serde(default)]
    versions: Versions,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    package: String,
    withdrawn: Option<String>,
    informational: Option<String>,
}

#[derive(Default, Deserialize)]
struct Versions {
    #[serde(default)]
    patched: Vec<VersionReq>,
    #[serde(default)]
    unaffected: Vec<VersionReq>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: Version,
    /// None if it is a crate of this repository, which may have another one's name.
    source: Option<String>,
}

impl Advisories {
    pub(crate) fn run(&self, checkout: &Checkout) -> anyhow::Result<()> {
        let database = match &self.from {
            Some(folder) => folder.clone(),
            None => fetched(checkout)?,
        };
        let date = match &self.date {
            Some(date) => date.clone(),
            None => last_commit(&database)?,
        };
        let path = checkout.root.join(FILE);
        let accepted = known(&path)?.accepted;
        let advisory = if database.join("crates").is_dir() {
            read_database(&database)?
        } else {
            read_database(&checked_out(&database, checkout)?)?
        };
        fs::write(&path, Known { date: Some(date), advisory, accepted }.text())?;
        Ok(())
    }
}

/// Whether a crate in Cargo.lock has a hole that is known and not accepted.
pub(crate) fn check(checkout: &Checkout) -> anyhow::Result<()> {
    let found = known(&checkout.root.join(FILE))?.found(&locked(checkout)?);
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

impl Known {
    /// A line for each locked crate that has a hole.
    fn found(&self, locked: &[Locked]) -> Vec<String> {
        let accepted: BTreeSet<_> = self.accepted.iter().map(|accepted| &accepted.id).collect();
        let counts = self.advisory.iter().filter(|advisory| !accepted.contains(&advisory.id));
        let told = |advisory: &Advisory, package: &Locked| {
            let Locked { name, version, .. } = package;
            format!("{name} {version}: {} (https://rustsec.org/advisories/{}.html)", advisory.id, advisory.id)
        };
        let of = |advisory| {
            locked.iter().filter(move |package| has(package, advisory)).map(move |p| told(advisory, p))
        };
        counts.flat_map(of).collect()
    }

    fn text(&self) -> String {
        let mut text = HEADER.to_owned();
        if let Some(date) = &self.date {
            text += &format!("date = {date:?}\n");
        }
        for Accepted { id, reason } in &self.accepted {
            text += &format!("\n[[accepted]]\nid = {id:?}\nreason = {reason:?}\n");
        }
        for Advisory { id, package, patched, unaffected } in &self.advisory {
            let ranges = |ranges: &[VersionReq]| {
                let ranges: Vec<_> = ranges.iter().map(|range| format!("{:?}", range.to_string())).collect();
                format!("[{}]", ranges.join(", "))
            };
            let (patched, unaffected) = (ranges(patched), ranges(unaffected));
            text += &format!(
                "\n[[advisory]]\nid = {id:?}\npackage = {package:?}\npatched = {patched}\nunaffected = {unaffected}\n"
            );
        }
        text
    }
}

fn has(package: &Locked, advisory: &Advisory) -> bool {
    let mut safe = advisory.patched.iter().chain(&advisory.unaffected);
    package.source.is_some()
        && package.name == advisory.package
        && !safe.any(|range| range.matches(&package.version))
}

fn known(path: &Path) -> anyhow::Result<Known> {
    let text = fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not as it should be", path.display()))
}

fn locked(checkout: &Checkout) -> anyhow::Result<Vec<Locked>> {
    let text = fs::read_to_string(checkout.root.join("Cargo.lock")).context("can't read Cargo.lock")?;
    Ok(toml::from_str::<Lock>(&text).context("Cargo.lock is not as it should be")?.package)
}

/// All advisories, by package and id.
fn read_database(database: &Path) -> anyhow::Result<Vec<Advisory>> {
    let crates = database.join("crates");
    ensure!(crates.is_dir(), "{} is no clone of {DATABASE}: it has no folder crates", database.display());
    let mut advisories = Vec::new();
    for folder in entries(&crates)? {
        for file in entries(&folder)?.iter().filter(|file| file.extension().is_some_and(|end| end == "md")) {
            let text = fs::read_to_string(file)?;
            let entry = read_entry(&text).with_context(|| format!("can't read {}", file.display()))?;
            advisories.extend(entry);
        }
    }
    Ok(advisories)
}

fn entries(folder: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("can't list {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// The advisory in a file, which begins with TOML; none if it tells of no hole.
fn read_entry(text: &str) -> anyhow::Result<Option<Advisory>> {
    let head = text.trim_start().strip_prefix("```toml").and_then(|rest| rest.split_once("\n```"));
    let (head, _) = head.context("it does not begin with ```toml")?;
    let Entry { advisory, versions: Versions { patched, unaffected } } = toml::from_str(head)?;
    let Head { id, package, withdrawn, informational } = advisory;
    // Some say that a crate is unmaintained, which `cargo deny` checks.
    let is_hole = informational.is_none_or(|kind| kind == "unsound");
    Ok((withdrawn.is_none() && is_hole).then_some(Advisory { id, package, patched, unaffected }))
}

/// The database's newest commit, in the target folder.
fn fetched(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    let folder = checkout.target.join("tools").join("advisory-db");
    let mut git = Command::new("git");
    if folder.join(".git").is_dir() {
        git.args(["pull", "--quiet", "--depth", "1", "--ff-only"]).current_dir(&folder);
    } else {
        git.args(["clone", "--quiet", "--depth", "1", DATABASE]).arg(&folder);
    }
    succeed(git).with_context(|| format!("can't fetch {DATABASE}: give a clone of it by --from"))?;
    Ok(folder)
}

/// The newest commit of a bare clone, in the target folder. The clone stays as it is.
fn checked_out(bare: &Path, checkout: &Checkout) -> anyhow::Result<PathBuf> {
    let folder = checkout.target.join("tools").join("advisory-db-copy");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut git = Command::new("git");
    git.env("GIT_INDEX_FILE", folder.join("index"))
        .arg("--git-dir")
        .arg(bare)
        .arg("--work-tree")
        .arg(&folder);
    git.args(["checkout", "--quiet", "HEAD", "--", "crates"]).current_dir(&folder);
    succeed(git).with_context(|| format!("{} is no clone of {DATABASE}", bare.display()))?;
    Ok(folder)
}

fn last_commit(folder: &Path) -> anyhow::Result<String> {
    let mut git = Command::new("git");
    let told =
        git.args(["log", "-1", "--format=%cs"]).current_dir(folder).output().context("can't run git")?;
    ensure!(told.status.success(), "{} is no git repository: say its day by --date", folder.display());
    Ok(String::from_utf8(told.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(name: &str, version: &str) -> Locked {
        let source = Some("registry".to_owned());
        Locked { name: name.to_owned(), version: version.parse().unwrap(), source }
    }

    /// A database with these files.
    fn database(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, head) in files {
            let path = folder.path().join("crates").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("```toml\n{head}\n```\n\n# A title\n\nText.\n")).unwrap();
        }
        folder
    }

    const FENCE: &str = "[advisory]\nid = \"RUSTSEC-2099-0001\"\npackage = \"fence\"\ndate = \"2099-01-01\"\nurl = \"x\"\n\
                         [affected]\narch = [\"x86_64\"]\n\
                         [versions]\npatched = [\">= 1.2.3\", \"^0.9.5\"]\nunaffected = [\"< 0.5.0\"]";
    const GATE: &str = "[advisory]\nid = \"RUSTSEC-2099-0002\"\npackage = \"gate\"\n[versions]\npatched = []";

    #[test]
    fn a_vulnerable_locked_version_is_reported() {
        let database =
            database(&[("fence/RUSTSEC-2099-0001.md", FENCE), ("gate/RUSTSEC-2099-0002.md", GATE)]);
        for (version, is_safe) in [
            ("0.4.9", true),
            ("0.5.0", false),
            ("0.9.4", false),
            ("0.9.7", true),
            ("1.2.2", false),
            ("1.2.3", true),
        ] {
            let locked = [locked("fence", version), locked("other", "1.0.0")];
            let advisory = read_database(database.path()).unwrap();
            let found = Known { advisory, ..Known::default() }.found(&locked);
            assert_eq!(found.is_empty(), is_safe, "{version}: {found:?}");
        }
        let locked = [locked("gate", "7.0.0"), Locked { source: None, ..locked("gate", "1.0.0") }];
        let advisory = read_database(database.path()).unwrap();
        let known = Known { advisory, ..Known::default() };
        assert_eq!(
            known.found(&locked),
            ["gate 7.0.0: RUSTSEC-2099-0002 (https://rustsec.org/advisories/RUSTSEC-2099-0002.html)"]
        );
        let accepted = vec![Accepted { id: "RUSTSEC-2099-0002".into(), reason: "no gate is opened".into() }];
        assert_eq!(Known { accepted, ..known }.found(&locked), [""; 0]);
    }

    #[test]
    fn withdrawn_and_informational_advisories_are_left_out() {
        let withdrawn = GATE.replace("package", "withdrawn = \"2099-02-01\"\npackage");
        let unkept = GATE.replace("package", "informational = \"unmaintained\"\npackage");
        let unsound = GATE.replace("package", "informational = \"unsound\"\npackage");
        let database =
            database(&[("gate/1.md", &withdrawn), ("gate/2.md", &unkept), ("gate/3.md", &unsound)]);
        assert_eq!(read_database(database.path()).unwrap().len(), 1);
    }

    #[test]
    fn the_advisories_file_round_trips() {
        let database = database(&[("fence/RUSTSEC-2099-0001.md", FENCE)]);
        let advisory = read_database(database.path()).unwrap();
        let accepted = vec![Accepted { id: "RUSTSEC-2099-0003".into(), reason: "it is \"far\" away".into() }];
        let known = Known { date: Some("2099-01-02".into()), advisory, accepted };
        assert_eq!(toml::from_str::<Known>(&known.text()).unwrap(), known);
        assert!(known.text().starts_with("# Known holes"));
    }

    #[test]
    fn a_vulnerability_in_a_locked_crate_fails_the_check() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
        write(
            FILE,
            "[[advisory]]\nid = \"RUSTSEC-2099-0001\"\npackage = \"fence\"\npatched = [\">=1.2.3\"]\n",
        );
        let checkout = Checkout { root: root.path().to_owned(), target: root.path().to_owned() };
        let lock = |version| {
            format!("[[package]]\nname = \"fence\"\nversion = \"{version}\"\nsource = \"registry\"\n")
        };
        write("Cargo.lock", &lock("1.2.3"));
        check(&checkout).unwrap();
        write("Cargo.lock", &lock("1.2.2"));
        assert!(check(&checkout).unwrap_err().to_string().starts_with("fence 1.2.2: RUSTSEC-2099-0001"));
    }

    #[test]
    fn a_folder_without_a_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_database(folder.path()).unwrap_err().to_string().contains("has no folder crates"));
        assert!(read_entry("# no head").is_err());
    }
}
