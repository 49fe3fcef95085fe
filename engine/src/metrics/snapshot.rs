//! All that somebody who looks is told at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::short;
use super::{Lane, Monitor, Pace, RunState, Status, lock};

/// How much of the past is told of calls, in milliseconds, and calls within how many are one bar.
const WINDOW: u64 = 6000;
const GRAIN: u64 = 20;

/// From this part of the time on a node sets the pace.
const BUSY: f64 = 0.5;
/// From this part of the time on others wait for a node.
const WAITED: f64 = 0.2;

/// A run at one moment, how fast it goes, and what that means.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Snapshot {
    /// What is there.
    pub status: Status,
    /// How fast it goes.
    pub pace: Pace,
    /// What that means, in a sentence.
    pub verdict: Verdict,
    /// The calls of the last seconds, thread by thread.
    pub lanes: Vec<Lane>,
}

/// How a run fares, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// How good that is.
    pub mood: Mood,
    /// The sentence.
    pub text: String,
    /// The node that sets the pace, by its place, if one does.
    pub node: Option<usize>,
}

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    /// All is well.
    Good,
    /// Something is slower than the rest, or held.
    Slow,
    /// Records have become faults, or the run has failed.
    Bad,
}

impl Monitor {
    /// The run at this moment, with its pace since some two seconds: as long as somebody asks that often.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (status, pace) = self.look();
        let verdict = Verdict::of(&status, &pace);
        Snapshot { verdict, pace, lanes: self.lanes(WINDOW, GRAIN), status }
    }

    /// The status, which the next ones are held against.
    pub(crate) fn look(&self) -> (Status, Pace) {
        let status = self.status();
        let mut past = lock(&self.watch().past);
        let pace = past.pace(&status);
        past.keep(&status);
        (status, pace)
    }

    /// The whole run, as far as [snapshots](Self::snapshot) were taken.
    #[must_use]
    pub fn history(&self) -> super::History {
        lock(&self.watch().past).history.clone()
    }
}

impl Verdict {
    fn of(status: &Status, pace: &Pace) -> Self {
        let run = &status.run;
        let (pacing, pacer) = slowest(status, pace);
        let wrong = wrong(status);
        let state = match run.state {
            RunState::Failed => {
                let error = run.error.as_deref().unwrap_or("no reason is known");
                return Self { mood: Mood::Bad, text: format!("The run has failed: {error}."), node: None };
            }
            RunState::Paused => return Self::new(Mood::Slow, "Paused: the sources are held.", &wrong, None),
            RunState::Done | RunState::Drained => {
                #[expect(clippy::cast_precision_loss, reason = "it is rounded")]
                let [emitted, delivered] =
                    [run.counts.emitted, run.counts.delivered].map(|n| short(n as f64));
                let pacing = pacing.map(|text| format!(" {text}.")).unwrap_or_default();
                let (state, mood) = match run.state {
                    RunState::Drained => ("Ended before its input did", Mood::Slow),
                    _ => ("Done", Mood::Good),
                };
                let text = format!("{state}: {emitted} records in, {delivered} out.{pacing}");
                return Self::new(mood, &text, &wrong, pacer);
            }
            RunState::Draining => "Draining. ",
            RunState::Running => "",
        };
        if let Some(text) = pacing {
            return Self::new(Mood::Slow, &format!("{state}{text}."), &wrong, pacer);
        }
        let idle = pace.emitted == 0.0 && run.counts.unfinished == 0;
        let text =
            if idle { "Waiting for input." } else { "Nothing holds the run up: it is as fast as its input." };
        Self::new(Mood::Good, &format!("{state}{text}"), &wrong, None)
    }

    /// A sentence, and what went wrong.
    fn new(mood: Mood, text: &str, wrong: &str, node: Option<usize>) -> Self {
        let mood = if wrong.is_empty() { mood } else { Mood::Bad };
        Self { mood, text: format!("{text}{wrong}"), node }
    }
}

/// Which node sets the pace, and who waits for it.
fn slowest(status: &Status, pace: &Pace) -> (Option<String>, Option<usize>) {
    let busiest = pace.nodes.iter().enumerate().max_by(|one, other| one.1.busy.total_cmp(&other.1.busy));
    let Some((place, node)) = busiest.filter(|(_, node)| node.busy > BUSY) else { return (None, None) };
    let waited = status.nodes.iter().zip(&pace.nodes).filter(|(_, pace)| pace.waited > WAITED);
    let waited: Vec<_> = waited.map(|(node, _)| node.name.as_str()).collect();
    let (is, waits) = if status.run.state.is_end() { ("was", "waited") } else { ("is", "waits") };
    let others = match waited.as_slice() {
        [] => String::new(),
        names => {
            format!("; what {} to {} {waits}", if is == "is" { "comes" } else { "came" }, names.join(" and "))
        }
    };
    let sets = if is == "is" { "sets" } else { "set" };
    let name = &status.nodes[place].name;
    let text = format!("{name} {sets} the pace: it {is} busy {:.0} % of the time{others}", 100.0 * node.busy);
    (Some(text), Some(place))
}

/// How many faults there were, and of which kinds.
#[expect(clippy::cast_precision_loss, reason = "they are rounded")]
fn wrong(status: &Status) -> String {
    let count = status.run.counts.faults;
    if count == 0 {
        return String::new();
    }
    let kinds: Vec<_> =
        status.faults.kinds.iter().map(|(kind, count)| format!("{} {kind}", short(*count as f64))).collect();
    let records = if count == 1 { "record became a fault" } else { "records became faults" };
    format!(" {} {records} ({}).", short(count as f64), kinds.join(", "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Cause, Fault};

    #[test]
    fn an_hour_of_events_is_told_in_as_much_as_minutes_are() {
        let monitor = Monitor::new();
        let watch = monitor.watch();
        let mut told = Vec::new();
        // Looked at as often as in an hour, with more events than anybody reads.
        for look in 1..=9000_u64 {
            for event in 0..20 {
                watch.calls.push(event % 2, 1, Duration::ZERO, event == 0);
                let message = format!("{look} {event:0>60}");
                let fault = Fault {
                    record: look,
                    function: "f".into(),
                    cause: Cause::Failed { message: message.clone(), retryable: false },
                };
                watch.faults.push(look, &fault, Some(message.as_bytes()));
                monitor.note_line("f", &message);
            }
            let snapshot = monitor.snapshot();
            if look.is_multiple_of(1500) {
                let all = serde_json::to_string(&(snapshot, monitor.history())).unwrap();
                told.push(all.len());
            }
        }
        let (first, last) = (told[0], told[told.len() - 1]);
        assert!(last < first + first / 10, "{told:?}");
    }
}
