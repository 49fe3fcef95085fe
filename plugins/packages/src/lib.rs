//! The log of Debian's package manager: reads its lines, and sums up windows of them.
//!
//! `examples/data/README.md` says where the log is from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use engine_sdk::map;
use serde::{Deserialize, Serialize};

/// What a line tells.
#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Event<'r> {
    /// As `2025-06-24 14:36:25`.
    #[serde(borrow)]
    time: Cow<'r, str>,
    /// `install`, `configure`, `status` and so on.
    #[serde(borrow)]
    action: Cow<'r, str>,
    /// With its architecture, as `libc6:amd64`; none where a line is of no package.
    #[serde(borrow)]
    package: Option<Cow<'r, str>>,
}

/// Reads a line of the log.
#[map]
fn parse(line: &str) -> Result<Event<'_>, String> {
    let mut words = line.split(' ');
    let mut next = |what| words.next().filter(|word| !word.is_empty()).ok_or(format!("it has no {what}"));
    let (date, clock, action) = (next("date")?, next("time")?, next("action")?);
    if date.len() != 10 || clock.len() != 8 || !date.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("it does not begin with a date and a time, but with {date} {clock}"));
    }
    let package = match action {
        "startup" => None,
        // It tells the new state first.
        "status" => {
            next("state")?;
            Some(next("package")?)
        }
        _ => Some(next("package")?),
    };
    Ok(Event { time: Cow::Borrowed(&line[..19]), action: action.into(), package: package.map(Cow::Borrowed) })
}

/// What happened in a window.
#[derive(Debug, PartialEq, Serialize)]
struct Summary<'r> {
    from: Cow<'r, str>,
    to: Cow<'r, str>,
    actions: BTreeMap<Cow<'r, str>, usize>,
    /// How many different packages had a part in it.
    packages: usize,
}

/// Sums up a window: an array of what `parse` gives.
#[map]
fn summary(window: Vec<Event<'_>>) -> Option<Summary<'_>> {
    let (from, to) = (window.first()?.time.clone(), window.last()?.time.clone());
    let mut actions = BTreeMap::new();
    for event in &window {
        *actions.entry(event.action.clone()).or_default() += 1;
    }
    let mut packages: Vec<_> = window.iter().filter_map(|event| event.package.as_deref()).collect();
    packages.sort_unstable();
    packages.dedup();
    Some(Summary { from, to, actions, packages: packages.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPGRADE: &str = "2025-06-24 14:36:25 upgrade libsystemd0:amd64 252.36-1~deb12u1 252.38-1~deb12u1";
    const STATUS: &str = "2025-06-24 14:36:26 status unpacked libc-bin:amd64 2.36-9+deb12u10";

    #[test]
    fn lines_give_action_and_package() {
        let event = parse(UPGRADE).unwrap();
        assert_eq!((&*event.action, event.package.as_deref()), ("upgrade", Some("libsystemd0:amd64")));
        assert_eq!(parse(STATUS).unwrap().package.as_deref(), Some("libc-bin:amd64"));
        assert_eq!(parse("2025-06-24 14:36:25 startup archives unpack").unwrap().package, None);
    }

    #[test]
    fn a_line_that_is_not_from_the_log_is_refused() {
        assert!(parse("").is_err() && parse("hello there general kenobi").is_err());
        assert_eq!(parse("2025-06-24 14:36:25 status").unwrap_err(), "it has no state");
    }

    #[test]
    fn a_window_is_counted_by_action_and_package() {
        let summary = summary(vec![parse(UPGRADE).unwrap(), parse(STATUS).unwrap()]).unwrap();
        assert_eq!((&*summary.from, &*summary.to), ("2025-06-24 14:36:25", "2025-06-24 14:36:26"));
        assert_eq!((summary.actions["upgrade"], summary.packages), (1, 2));
        assert_eq!(super::summary(Vec::new()), None);
    }
}
