//! Says in a sentence what the figures of a run mean: what sets the pace, what waits, what went wrong.

use super::bottleneck::Bottleneck;
use crate::metrics::words::{short, span};
use crate::metrics::{Diagnosis, Rates, RunState, RunStatus, Severity, Status};

/// Finds the sentence. `before` is the node that was named last; it stays named while it is nearly the busiest.
pub(super) fn diagnose(status: &Status, rates: &Rates, before: Option<usize>) -> Diagnosis {
    let run = &status.run;
    let wrong = wrong(status);
    let bottleneck = Bottleneck { status, rates, before: before.filter(|_| !run.state.is_end()) };
    let (text, node) = bottleneck.sentence().unzip();
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
    use crate::metrics::{Buffer, EdgeStatus, NodeRates, NodeStatus, WorkerStatus};

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
        // A busy node that no other waits for keeps up.
        let (text, node) = told(&[("source", 0.0, None), ("scatter", 0.0, Some(0.0)), ("sleeps", 1.0, None)]);
        assert_eq!((&*text, node), ("Nothing holds the run up: it is as fast as its input.", None));
    }

    #[test]
    fn busy_workers_set_the_pace_and_not_the_busiest_node_of_the_host() {
        let nodes =
            [("scatter", 0.0, Some(0.9)), ("one", 0.3, None), ("two", 0.2, None), ("host_map", 0.6, None)];
        let (mut status, rates) = chain(&nodes);
        (status.nodes[1].function, status.nodes[2].function) = (Some(0), Some(1));
        let worker = |threads, busy| WorkerStatus { threads, busy, ..WorkerStatus::default() };
        let mut told = |workers: &[WorkerStatus]| {
            status.workers = Some(workers.to_vec());
            let Diagnosis { text, node, .. } = diagnose(&status, &rates, None);
            (text.to_string(), node)
        };
        let text = "The workers set the pace: all of their threads are busy, most of all in one; \
                    what comes to scatter waits.";
        assert_eq!(told(&[worker(2, 4), worker(4, 4)]), (text.to_owned(), Some(1)));
        // Workers that wait for work, or for room for their results, do not set the pace.
        let text = "host_map sets the pace: it is busy 60 % of the time; what comes to scatter waits.";
        assert_eq!(told(&[worker(2, 0), worker(4, 1)]), (text.to_owned(), Some(3)));
        let refused = WorkerStatus { refused: Some("memory".into()), ..worker(2, 0) };
        let text = "No worker serves this run: what comes to scatter waits.";
        assert_eq!(told(&[refused]), (text.to_owned(), Some(0)));
        let text = "No worker has joined yet: what comes to scatter waits.";
        assert_eq!(told(&[]), (text.to_owned(), Some(0)));
    }

    #[test]
    fn waiting_records_mean_a_bottleneck_even_if_no_node_is_busy() {
        let shared =
            [("source", 0.0, None), ("scatter", 0.0, Some(1.0)), ("one", 0.2, None), ("two", 0.19, None)];
        let text = "What comes to scatter waits 100 % of the time: the slowest after it is one, busy 20 %.";
        assert_eq!(told(&shared), (text.to_owned(), Some(2)));
    }

    #[test]
    fn a_function_that_a_buffer_with_room_hides_sets_the_pace() {
        let nodes =
            [("source", 0.0, None), ("scatter", 0.0, Some(0.0)), ("heavy", 1.0, None), ("sink", 0.0, None)];
        let (mut status, mut rates) = chain(&nodes);
        status.nodes[1].kind = "scatter".into();
        status.nodes[1].buffer = Some(Buffer { filled: 227_000, limit: 262_144 });
        rates.nodes[2].records = 6600.0;
        let diagnosis = diagnose(&status, &rates, None);
        let text = "heavy sets the pace: it is busy 100 % of the time; 227 k records wait for it.";
        assert_eq!((&*diagnosis.text, diagnosis.node), (text, Some(2)));
        rates.nodes[2].busy = 0.4;
        let diagnosis = diagnose(&status, &rates, None);
        let text = "227 k records wait for heavy, which is busy 40 % of the time.";
        assert_eq!((&*diagnosis.text, diagnosis.node), (text, Some(2)));
        // Those that it finishes within a second hold nothing up.
        status.nodes[1].buffer = Some(Buffer { filled: 6000, limit: 262_144 });
        assert_eq!(diagnose(&status, &rates, None).node, None);
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
