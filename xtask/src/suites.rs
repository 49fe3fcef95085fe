//! The suites of checks: what each is about, which packages it builds, and how long it may take.
//!
//! `cargo xtask test` runs what a person wants to know before a commit; `cargo xtask ci` runs the rest, which needs
//! more tools and more patience. A suite that takes long has two forms: a sample for each commit, and all of it.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use clap::Args;

use crate::checkout::Checkout;
use crate::steps::Steps;
use crate::{
    advisories, examples, fuzz, guide, instructions, lint, nats, packages, published, readme, supply, test,
    toolchain,
};

/// Minutes that all suites together may take on two cores, from an empty target folder.
const MOST_COLD: u32 = 60;

/// The same for `cargo xtask test` alone.
const MOST_COLD_OF_TEST: u32 = 30;

/// The same for all suites after a change of one line.
const MOST_WARM: u32 = 40;

/// Which command runs a suite.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// A person, before a commit. It needs Rust alone; what else is missing (a browser, a server) is left out.
    Test,
    /// CI, after that.
    Ci,
}

/// How much of a suite is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// What random input is worth trying for each commit.
    Sampled,
    /// All of it, before a release.
    Full,
}

struct Suite {
    name: &'static str,
    about: &'static str,
    packages: &'static str,
    tier: Tier,
    /// Minutes on two cores, from an empty target folder and after a change of one line.
    cold: u32,
    warm: u32,
    run: fn(&Checkout, &mut Steps, Form) -> anyhow::Result<()>,
}

/// All suites, in the order in which they run.
const SUITES: [Suite; 14] = [
    Suite {
        name: "rules",
        about: "format, rules of the house, layers",
        packages: "xtask",
        tier: Tier::Test,
        cold: 1,
        warm: 1,
        run: |checkout, steps, _| lint::rules(checkout, steps),
    },
    Suite {
        name: "engine",
        about: "unit, integration and documentation tests; --full: 10 times the random ones",
        packages: "engine-streams, engine-cli",
        tier: Tier::Test,
        cold: 21,
        warm: 14,
        run: test::engine,
    },
    Suite {
        name: "sdk",
        about: "tests of the SDK, of xtask, and of the plugins as native code",
        packages: "engine-sdk, engine-sdk-macros, xtask, plugins",
        tier: Tier::Test,
        cold: 2,
        warm: 1,
        run: |checkout, steps, _| test::sdk(checkout, steps),
    },
    Suite {
        name: "examples",
        about: "what the examples of the library print",
        packages: "engine-streams, engine-cli",
        tier: Tier::Test,
        cold: 1,
        warm: 1,
        run: |checkout, steps, _| examples::run(checkout, steps),
    },
    Suite {
        name: "lint",
        about: "clippy, documentation",
        packages: "all",
        tier: Tier::Ci,
        cold: 4,
        warm: 2,
        run: |checkout, steps, _| lint::compiled(checkout, steps),
    },
    Suite {
        name: "readme",
        about: "the commands of the README and of the guide",
        packages: "engine-streams, engine-cli",
        tier: Tier::Ci,
        cold: 3,
        warm: 2,
        run: |checkout, steps, _| readme::run(checkout, steps),
    },
    Suite {
        name: "bench",
        about: "tests of the benchmark",
        packages: "bench",
        tier: Tier::Ci,
        cold: 1,
        warm: 1,
        run: |checkout, steps, _| test::bench(checkout, steps),
    },
    Suite {
        name: "instructions",
        about: "what a record and a start take, by callgrind where there is one",
        packages: "engine-streams, engine-cli, bench",
        tier: Tier::Ci,
        cold: 3,
        warm: 1,
        run: |checkout, steps, _| instructions::check(checkout, steps),
    },
    Suite {
        name: "features",
        about: "the library without its features, and with each one alone",
        packages: "engine-streams",
        tier: Tier::Ci,
        cold: 3,
        warm: 2,
        run: |checkout, steps, _| published::features(checkout, steps),
    },
    Suite {
        name: "packages",
        about: "the packages that are published, each from its own archive",
        packages: "engine-streams, engine-cli, engine-sdk, engine-sdk-macros",
        tier: Tier::Ci,
        cold: 1,
        warm: 1,
        run: |checkout, steps, _| published::archives(checkout, steps),
    },
    Suite {
        name: "supply",
        about: "licences and sources of dependencies, by cargo-deny",
        packages: "all",
        tier: Tier::Ci,
        cold: 4,
        warm: 1,
        run: |checkout, steps, _| supply::run(checkout, steps),
    },
    Suite {
        name: "advisories",
        about: "known holes of dependencies, by advisories.toml",
        packages: "all",
        tier: Tier::Ci,
        cold: 1,
        warm: 1,
        run: |checkout, steps, _| steps.step("known holes", || advisories::check(checkout)),
    },
    Suite {
        name: "guide",
        about: "the guide as a book, by mdbook",
        packages: "none",
        tier: Tier::Ci,
        cold: 2,
        warm: 1,
        run: |checkout, steps, _| guide::run(checkout, steps),
    },
    Suite {
        name: "fuzz",
        about: "foreign bytes, 10 s for each target; --full: 10 minutes for each",
        packages: "engine-fuzz",
        tier: Tier::Ci,
        cold: 13,
        warm: 7,
        run: |checkout, steps, form| fuzz::Fuzz::of(form).run(checkout, steps),
    },
];

/// Which suites, and how.
#[derive(Args)]
pub(crate) struct Suites {
    /// Only these suites
    suites: Vec<String>,
    /// All of each suite, not a sample
    #[arg(long)]
    full: bool,
    /// Show the suites and the minutes that are planned for them, and run none
    #[arg(long)]
    list: bool,
}

impl Suites {
    /// Runs the suites of a tier, or those that are named.
    pub(crate) fn run(&self, tier: Tier, checkout: &Checkout) -> anyhow::Result<()> {
        let chosen = self.chosen(tier)?;
        planned_fits(&SUITES)?;
        if self.list {
            list(&chosen);
            return Ok(());
        }
        toolchain::complete(checkout)?;
        packages::complete()?;
        nats::complete(checkout)?;
        let form = if self.full { Form::Full } else { Form::Sampled };
        let (mut steps, mut took) = (Steps::default(), Vec::new());
        for suite in &chosen {
            let start = Instant::now();
            let ended = (suite.run)(checkout, &mut steps, form);
            took.push((*suite, start.elapsed()));
            if ended.is_err() {
                show_times(&took);
                return ended;
            }
        }
        show_times(&took);
        steps.finish();
        Ok(())
    }

    fn chosen(&self, tier: Tier) -> anyhow::Result<Vec<&'static Suite>> {
        if self.suites.is_empty() {
            return Ok(SUITES.iter().filter(|suite| suite.tier == tier).collect());
        }
        let find = |name: &String| {
            let suite = SUITES.iter().find(|suite| suite.name == name);
            let Some(suite) = suite else { bail!("there is no suite {name:?}: `--list` shows them") };
            Ok(suite)
        };
        self.suites.iter().map(find).collect()
    }
}

/// Whether all suites together stay within the time that people and CI have.
fn planned_fits(suites: &[Suite]) -> anyhow::Result<()> {
    let sum = |tiers: &[Tier]| -> u32 {
        suites.iter().filter(|suite| tiers.contains(&suite.tier)).map(|suite| suite.cold).sum()
    };
    let (test, all) = (sum(&[Tier::Test]), sum(&[Tier::Test, Tier::Ci]));
    ensure!(test <= MOST_COLD_OF_TEST, "`cargo xtask test` is planned to take {test} minutes: cut some");
    ensure!(all <= MOST_COLD, "all suites are planned to take {all} minutes: cut some");
    let warm: u32 = suites.iter().map(|suite| suite.warm).sum();
    ensure!(warm <= MOST_WARM, "all suites are planned to take {warm} minutes after a change: cut some");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is what was asked for")]
fn list(suites: &[&Suite]) {
    println!("{:<14}{:>4}  {:>4}  minutes: from nothing, and after a change", "suite", "cold", "warm");
    for Suite { name, about, packages, cold, warm, .. } in suites {
        println!("{name:<14}{cold:>4}  {warm:>4}  {about} (packages: {packages})");
    }
}

#[expect(clippy::print_stdout, reason = "a person wants to know where the time went")]
fn show_times(took: &[(&Suite, Duration)]) {
    println!("\n{:<14}{:>8}  {:>4}  {:>4}  minutes", "suite", "took", "cold", "warm");
    for (Suite { name, cold, warm, .. }, took) in took {
        println!("{name:<14}{:>8.1}  {cold:>4}  {warm:>4}", took.as_secs_f64() / 60.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(tier: Tier, cold: u32) -> Suite {
        let run = |_: &Checkout, _: &mut Steps, _| Ok(());
        Suite { name: "", about: "", packages: "", tier, cold, warm: 1, run }
    }

    #[test]
    fn the_plan_fits_its_time_limit() {
        planned_fits(&SUITES).unwrap();
    }

    #[test]
    fn a_plan_over_the_time_limit_is_refused() {
        assert!(planned_fits(&[planned(Tier::Test, 31)]).is_err());
        assert!(planned_fits(&[planned(Tier::Test, 30), planned(Tier::Ci, 31)]).is_err());
        assert!(planned_fits(&[planned(Tier::Test, 30), planned(Tier::Ci, 30)]).is_ok());
    }

    #[test]
    fn a_suite_is_found_by_its_name_in_either_tier() {
        let named = |name: &str| Suites { suites: vec![name.to_owned()], full: false, list: false };
        assert_eq!(named("fuzz").chosen(Tier::Test).unwrap().len(), 1);
        assert!(named("fuss").chosen(Tier::Test).is_err());
    }
}
