//! What the figures of a run mean, in a sentence: who sets the pace, who waits, what went wrong.

use crate::metrics::words::{short, span};
use crate::metrics::{Diagnosis, Rates, RunState, RunStatus, Severity, Status};

/// From this part of the time on a node sets the pace.
const BUSY: f64 = 0.5;
/// From this part of the time on others wait for a node.
const WAITED: f64 = 0.2;
/// A node that was named goes on to be, as long as it is so busy, as a part of the busiest.
const NEARLY: f64 = 0.85;

/// `before` is the node that was named last: of those that are nearly as busy it stays the one.
pub(super) fn diagnose(status: &Status, rates: &Rates, before: Option<usize>) -> Diagnosis {
    let run = &status.run;
    let wrong = wrong(status);
    let pacing = Pacing { status, rates, before: before.filter(|_| !run.state.is_end()) };
    let (text, node) = pacing.told().unzip();
    let Some(ended) = ended(run) else {
        let held = run.state == RunState::Paused;
        let draining = if run.state == RunState::Draining { "Draining. " } else { "" };
        let idle = rates.emitted == 0.0 && run.counts.unfinished == 0;
        let (severity, text) = match text {
            _ if held => (Severity::Warning, "Paused: the sources are held.".to_owned()),
            Some(text) => (Severity::Warning, text),
            None if idle => (Severity::Ok, "Waiting for input.".to_owned()),
            None => (Severity::Ok, "Nothing holds the run up: it is as fast as its input.".to_owned()),
        };
        return diagnosis(severity, &format!("{draining}{text}"), &wrong, node.filter(|_| !held));
    };
    let severity = match run.state {
        RunState::Failed => Severity::Error,
        RunState::Done => Severity::Ok,
        _ => Severity::Warning,
    };
    let text = text.map(|text| format!(" {text}")).unwrap_or_default();
    diagnosis(severity, &format!("{ended}{text}"), &wrong, node)
}

/// A sentence, and what went wrong.
fn diagnosis(severity: Severity, text: &str, wrong: &str, node: Option<usize>) -> Diagnosis {
    let severity = if severity == Severity::Ok && !wrong.is_empty() { Severity::Warning } else { severity };
    Diagnosis { severity, text: format!("{text}{wrong}").into(), node }
}

/// How a run has ended, if it has.
fn ended(run: &RunStatus) -> Option<String> {
    let how = match run.state {
        RunState::Running | RunState::Paused | RunState::Draining => return None,
        RunState::Failed => {
            let error = run.error.as_deref().unwrap_or("no reason is known");
            return Some(format!("The run has failed: {}.", error.trim_end_matches('.')));
        }
        RunState::Done => "Done",
        RunState::Drained => "Ended before its input did",
        RunState::Stopped => "Stopped",
    };
    let [emitted, delivered] = [run.counts.emitted, run.counts.delivered].map(short_count);
    let records = if run.counts.emitted == 1 { "record" } else { "records" };
    let paused = match run.paused {
        ..1000 => String::new(),
        long => format!(", paused {}", span(long * 1_000_000)),
    };
    Some(format!("{how}: {emitted} {records} in, {delivered} out{paused}."))
}

/// Finds out who sets the pace.
struct Pacing<'a> {
    status: &'a Status,
    rates: &'a Rates,
    before: Option<usize>,
}

impl Pacing<'_> {
    /// Who sets the pace, in a sentence, and which node that is.
    fn told(&self) -> Option<(String, usize)> {
        let enough = |place| if self.before == Some(place) { NEARLY * BUSY } else { BUSY };
        let busiest = self.busiest(|place| self.is_waited_for(place));
        let busiest = busiest.filter(|(place, busy)| *busy > enough(*place));
        if let Some((place, busy)) = busiest {
            let others = match self.waiting(place) {
                names if names.is_empty() => String::new(),
                names => format!("; what {} to {} {}", self.comes(), names.join(" and "), self.waits()),
            };
            let (sets, is) = if self.is_over() { ("set", "was") } else { ("sets", "is") };
            let name = self.name(place);
            return Some((
                format!("{name} {sets} the pace: it {is} busy {} of the time{others}.", percent(busy)),
                place,
            ));
        }
        // Nobody is busy alone, but somebody waits all the same.
        let nodes = self.rates.nodes.iter().enumerate();
        let (waited, node) = nodes.max_by(|one, other| one.1.waited.total_cmp(&other.1.waited))?;
        if node.waited <= WAITED {
            return None;
        }
        let behind = |place| place != waited && self.reaches(waited, place);
        let (slowest, busy) = self.busiest(behind).unwrap_or((waited, 0.0));
        let functions = self.rates.functions.iter().enumerate();
        let functions = functions.filter(|(place, _)| self.status.is_on_pool(*place));
        let all: f64 = functions.map(|(_, inside)| inside).sum();
        let mut text = format!(
            "What {} to {} {} {} of the time",
            self.comes(),
            self.name(waited),
            self.waits(),
            percent(node.waited)
        );
        if busy > 0.01 {
            let is = if self.is_over() { "was" } else { "is" };
            text += &format!(": the slowest behind it {is} {}, busy {}", self.name(slowest), percent(busy));
            if self.status.functions.len() > 1 && self.status.nodes[slowest].function.is_some() {
                text += &format!(" (all functions together {})", percent(all.min(1.0)));
            }
        }
        Some((text + ".", slowest))
    }

    /// The busiest of some nodes, or the one that was named before if it is nearly as busy.
    fn busiest(&self, which: impl Fn(usize) -> bool) -> Option<(usize, f64)> {
        let nodes = self.rates.nodes.iter().enumerate().filter(|(place, _)| which(*place));
        let nodes: Vec<_> = nodes.map(|(place, node)| (place, node.busy)).collect();
        let busiest = nodes.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1))?;
        let before = nodes.into_iter().find(|(place, _)| self.before == Some(*place));
        Some(before.filter(|(_, busy)| *busy >= NEARLY * busiest.1).unwrap_or(busiest))
    }

    /// Whether somebody waits for a node: who emits does, unless something before it takes records over.
    fn is_waited_for(&self, place: usize) -> bool {
        let takes_over = |before: &usize| {
            let node = &self.status.nodes[*before];
            (node.hands_over || node.meets) && *before != place && self.reaches(*before, place)
        };
        let before: Vec<_> = (0..self.status.nodes.len()).filter(takes_over).collect();
        before.is_empty() || before.iter().any(|before| self.rates.nodes[*before].waited > WAITED)
    }

    /// The nodes before one in which records wait.
    fn waiting(&self, place: usize) -> Vec<&str> {
        let nodes = self.rates.nodes.iter().enumerate();
        let nodes = nodes.filter(|(before, rates)| rates.waited > WAITED && self.reaches(*before, place));
        nodes.map(|(before, _)| self.name(before)).collect()
    }

    /// Whether what goes through one node comes to another.
    fn reaches(&self, from: usize, to: usize) -> bool {
        let (mut seen, mut next) = (vec![false; self.status.nodes.len()], vec![from]);
        while let Some(place) = next.pop() {
            if place == to {
                return true;
            }
            if !std::mem::replace(&mut seen[place], true) {
                next.extend(self.status.edges.iter().filter(|edge| edge.from == place).map(|edge| edge.to));
            }
        }
        false
    }

    fn name(&self, place: usize) -> &str {
        &self.status.nodes[place].name
    }

    fn is_over(&self) -> bool {
        self.status.run.state.is_end()
    }

    fn comes(&self) -> &str {
        if self.is_over() { "came" } else { "comes" }
    }

    fn waits(&self) -> &str {
        if self.is_over() { "waited" } else { "waits" }
    }
}

fn percent(part: f64) -> String {
    format!("{:.0} %", 100.0 * part)
}

#[expect(clippy::cast_precision_loss, reason = "it is rounded")]
fn short_count(count: u64) -> String {
    short(count as f64)
}

/// How many faults there were, and of which kinds.
fn wrong(status: &Status) -> String {
    let count = status.run.counts.faults;
    if count == 0 {
        return String::new();
    }
    let kinds: Vec<_> =
        status.faults.kinds.iter().map(|(kind, count)| format!("{} {kind}", short_count(*count))).collect();
    let records = if count == 1 { "record became a fault" } else { "records became faults" };
    format!(" {} {records} ({}).", short_count(count), kinds.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Monitor;
    use crate::metrics::{EdgeStatus, NodeRates, NodeStatus};

    /// A chain of nodes, some of which take records over: name, busy, waited for.
    fn chain(nodes: &[(&str, f64, Option<f64>)]) -> (Status, Rates) {
        let mut status = Monitor::new().status();
        status.run.counts.emitted = 1;
        let (mut rates, template) = (
            Rates {
                over: 1000,
                emitted: 1.0,
                delivered: 1.0,
                left: None,
                nodes: vec![],
                edges: vec![],
                functions: vec![],
                records_a_call: vec![],
            },
            (0.0, 0.0),
        );
        for (place, (name, busy, waited)) in nodes.iter().enumerate() {
            status.nodes.push(NodeStatus {
                name: (*name).into(),
                kind: "node".into(),
                at: template,
                records: 1,
                nanos: 0,
                hands_over: waited.is_some(),
                meets: false,
                buffer: None,
                function: None,
            });
            if place > 0 {
                status.edges.push(EdgeStatus { from: place - 1, to: place, records: 1 });
            }
            rates.nodes.push(NodeRates { records: 1.0, busy: *busy, waited: waited.unwrap_or(0.0) });
        }
        (status, rates)
    }

    fn told(nodes: &[(&str, f64, Option<f64>)]) -> (String, Option<usize>) {
        let (status, rates) = chain(nodes);
        let Diagnosis { text, node, .. } = diagnose(&status, &rates, None);
        (text.into(), node)
    }

    #[test]
    fn the_bottleneck_is_named_with_the_nodes_that_wait_for_it() {
        let local = told(&[("source", 0.0, None), ("heavy", 0.9, None), ("sink", 0.1, None)]);
        assert_eq!(local, ("heavy sets the pace: it is busy 90 % of the time.".to_owned(), Some(1)));
        let pool = [("source", 0.0, None), ("scatter", 0.0, Some(0.8)), ("heavy", 0.97, None)];
        let text = "heavy sets the pace: it is busy 97 % of the time; what comes to scatter waits.";
        assert_eq!(told(&pool), (text.to_owned(), Some(2)));
        // One that is busy, but for which nobody waits, keeps up.
        let (text, node) = told(&[("source", 0.0, None), ("scatter", 0.0, Some(0.0)), ("sleeps", 1.0, None)]);
        assert_eq!((&*text, node), ("Nothing holds the run up: it is as fast as its input.", None));
    }

    #[test]
    fn waiting_records_mean_a_bottleneck_even_if_no_node_is_busy() {
        let shared =
            [("source", 0.0, None), ("scatter", 0.0, Some(1.0)), ("one", 0.2, None), ("two", 0.19, None)];
        let text = "What comes to scatter waits 100 % of the time: the slowest behind it is one, busy 20 %.";
        assert_eq!(told(&shared), (text.to_owned(), Some(2)));
    }

    #[test]
    fn of_two_equally_busy_nodes_the_same_one_stays_named() {
        let named = |one, other, before| {
            let (status, rates) = chain(&[("source", 0.0, None), ("one", one, None), ("two", other, None)]);
            diagnose(&status, &rates, before).node
        };
        assert_eq!([named(0.60, 0.62, None), named(0.60, 0.62, Some(1))], [Some(2), Some(1)]);
        assert_eq!([named(0.48, 0.47, Some(2)), named(0.48, 0.47, None)], [Some(2), None]);
        assert_eq!(named(0.60, 0.90, Some(1)), Some(2));
    }

    #[test]
    fn only_a_failed_run_is_bad() {
        let (mut status, rates) = chain(&[("source", 0.0, None)]);
        status.run.counts.faults = 3;
        assert_eq!(diagnose(&status, &rates, None).severity, Severity::Warning);
        status.run.state = RunState::Done;
        assert_eq!(diagnose(&status, &rates, None).severity, Severity::Warning);
        status.run.state = RunState::Failed;
        assert_eq!(diagnose(&status, &rates, None).severity, Severity::Error);
    }

    #[test]
    fn a_pause_is_reported_at_the_end() {
        let (mut status, rates) = chain(&[("source", 0.0, None)]);
        (status.run.state, status.run.paused) = (RunState::Done, 11_200);
        assert_eq!(diagnose(&status, &rates, None).text, "Done: 1 record in, 0 out, paused 11 s.");
    }

    #[test]
    fn a_node_that_waits_for_another_is_not_the_bottleneck() {
        let (mut status, mut rates) = chain(&[("a", 0.0, None), ("queue", 0.0, Some(0.9)), ("b", 0.1, None)]);
        let (other, other_rates) = chain(&[("c", 0.0, None), ("heavy", 0.95, None)]);
        status.nodes.extend(other.nodes);
        rates.nodes.extend(other_rates.nodes);
        status.edges.push(EdgeStatus { from: 3, to: 4, records: 1 });
        let diagnosis = diagnose(&status, &rates, None);
        assert_eq!(diagnosis.text, "heavy sets the pace: it is busy 95 % of the time.");
        assert_eq!(diagnosis.node, Some(4));
    }
}
