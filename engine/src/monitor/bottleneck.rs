//! Finds what sets the pace of a run, from how busy its nodes and the cluster's workers are and from what waits.

use crate::metrics::words::short;
use crate::metrics::{Rates, Status, WorkerStatus};

/// A node sets the pace if it is busy for more than this part of the time.
const BUSY: f64 = 0.5;
/// Others count as waiting for a node if they do so for more than this part of the time.
const WAITED: f64 = 0.2;
/// A node that was named stays named while it is at least this part as busy as the busiest.
const NEARLY: f64 = 0.85;

/// Finds the node that sets the pace.
pub(super) struct Bottleneck<'a> {
    pub(super) status: &'a Status,
    pub(super) rates: &'a Rates,
    /// The node that was named last.
    pub(super) before: Option<usize>,
}

impl Bottleneck<'_> {
    /// A sentence on what sets the pace, and the node.
    pub(super) fn sentence(&self) -> Option<(String, usize)> {
        let known = self.workers().or_else(|| self.busy_node()).or_else(|| self.waiting_node());
        known.or_else(|| self.node_with_backlog())
    }

    /// The cluster's workers, if records wait for them and each of their threads has a task, or if none has joined
    /// or serves the run. They are busy only if the graph after them takes their results.
    fn workers(&self) -> Option<(String, usize)> {
        let workers = self.status.workers.as_ref().filter(|_| !self.is_over())?;
        let (waited, _) = self.longest_wait(|place| self.calls_after(place).next().is_some())?;
        let name = self.name(waited);
        let serves = |worker: &&WorkerStatus| worker.refused.is_none() && !worker.leaving;
        let serving: Vec<_> = workers.iter().filter(serves).collect();
        if serving.is_empty() {
            let none =
                if workers.is_empty() { "No worker has joined yet" } else { "No worker serves this run" };
            return Some((format!("{none}: what comes to {name} waits."), waited));
        }
        if serving.iter().any(|worker| worker.busy < worker.threads) {
            return None;
        }
        let (slowest, _) = self.busiest(|place| self.calls_after(waited).any(|called| called == place))?;
        let several = self.calls_after(waited).nth(1).is_some();
        let most = if several { format!(", most of all in {}", self.name(slowest)) } else { String::new() };
        let workers = if serving.len() == 1 {
            "The worker sets the pace: all of its"
        } else {
            "The workers set the pace: all of their"
        };
        Some((format!("{workers} threads are busy{most}; what comes to {name} waits."), slowest))
    }

    /// The nodes after one that call functions on the pool.
    fn calls_after(&self, place: usize) -> impl Iterator<Item = usize> + '_ {
        let nodes = self.status.nodes.iter().enumerate().filter(|(_, node)| node.function.is_some());
        nodes.map(|(called, _)| called).filter(move |called| *called != place && self.reaches(place, *called))
    }

    /// The node, of those that `which` accepts, that others wait for longest, and the part of the time that they wait.
    fn longest_wait(&self, which: impl Fn(usize) -> bool) -> Option<(usize, f64)> {
        let nodes = self.rates.nodes.iter().enumerate().filter(|(place, _)| which(*place));
        let longest = nodes.max_by(|one, other| one.1.waited.total_cmp(&other.1.waited));
        longest.map(|(place, node)| (place, node.waited)).filter(|(_, waited)| *waited > WAITED)
    }

    /// A node that is busy most of the time, and that others wait for.
    fn busy_node(&self) -> Option<(String, usize)> {
        let enough = |place| if self.before == Some(place) { NEARLY * BUSY } else { BUSY };
        let busiest = self.busiest(|place| self.is_waited_for(place));
        let busiest = busiest.filter(|(place, busy)| *busy > enough(*place));
        let (place, busy) = busiest?;
        let others = match (self.waiting(place), self.backlog(place)) {
            (names, None) if names.is_empty() => String::new(),
            (names, Some(records)) if names.is_empty() => format!("; {records} records wait for it"),
            (names, _) => format!("; what {} to {} {}", self.comes(), names.join(" and "), self.waits()),
        };
        let (sets, is) = if self.is_over() { ("set", "was") } else { ("sets", "is") };
        let name = self.name(place);
        Some((format!("{name} {sets} the pace: it {is} busy {} of the time{others}.", percent(busy)), place))
    }

    /// A node that others wait for, although no node is busy most of the time.
    fn waiting_node(&self) -> Option<(String, usize)> {
        let (waited, part) = self.longest_wait(|_| true)?;
        let after = |place| place != waited && self.reaches(waited, place);
        let (slowest, busy) = self.busiest(after).unwrap_or((waited, 0.0));
        let functions = self.rates.functions.iter().enumerate();
        let functions = functions.filter(|(place, _)| self.status.is_on_pool(*place));
        let all: f64 = functions.map(|(_, inside)| inside).sum();
        let mut text = format!(
            "What {} to {} {} {} of the time",
            self.comes(),
            self.name(waited),
            self.waits(),
            percent(part)
        );
        if busy > 0.01 {
            let is = if self.is_over() { "was" } else { "is" };
            text += &format!(": the slowest after it {is} {}, busy {}", self.name(slowest), percent(busy));
            if self.status.functions.len() > 1 && self.status.nodes[slowest].function.is_some() {
                text += &format!(" (all functions together {})", percent(all.min(1.0)));
            }
        }
        Some((text + ".", slowest))
    }

    /// The slowest node that records lie before, although no node is busy most of the time.
    fn node_with_backlog(&self) -> Option<(String, usize)> {
        let (slowest, busy) = self.busiest(|place| self.backlog(place).is_some())?;
        let records = self.backlog(slowest)?;
        let name = self.name(slowest);
        Some((
            format!("{records} records wait for {name}, which is busy {} of the time.", percent(busy)),
            slowest,
        ))
    }

    /// The busiest node of those that `which` accepts, or the one named before if it is nearly as busy.
    fn busiest(&self, which: impl Fn(usize) -> bool) -> Option<(usize, f64)> {
        let nodes = self.rates.nodes.iter().enumerate().filter(|(place, _)| which(*place));
        let nodes: Vec<_> = nodes.map(|(place, node)| (place, node.busy)).collect();
        let busiest = nodes.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1))?;
        let before = nodes.into_iter().find(|(place, _)| self.before == Some(*place));
        Some(before.filter(|(_, busy)| *busy >= NEARLY * busiest.1).unwrap_or(busiest))
    }

    /// Whether others wait for a node. A source always does, unless a node between them hands records over.
    fn is_waited_for(&self, place: usize) -> bool {
        let hands_over = |before: &usize| {
            let node = &self.status.nodes[*before];
            (node.hands_over || node.meets) && *before != place && self.reaches(*before, place)
        };
        let before: Vec<_> = (0..self.status.nodes.len()).filter(hands_over).collect();
        before.is_empty()
            || before.iter().any(|before| self.rates.nodes[*before].waited > WAITED)
            || self.backlog(place).is_some()
    }

    /// How many records lie in a buffer before a node, if these are more than the nodes after it take in a second and
    /// more than can be at work: the buffer has room, and yet they do not keep up.
    #[expect(clippy::cast_precision_loss, reason = "it is compared with a rate")]
    fn backlog(&self, place: usize) -> Option<String> {
        let nodes = self.status.nodes.iter().enumerate();
        let held = nodes.filter_map(|(before, node)| {
            let buffers = matches!(&*node.kind, "buffer" | "scatter") && before != place;
            let held = node.buffer.filter(|_| buffers && self.reaches(before, place))?.filled as f64;
            // What a filter drops does not come to the nodes after it.
            let rates = self.rates.nodes.iter().enumerate();
            let after = rates.filter(|(after, _)| *after != before && self.reaches(before, *after));
            let pace = after.map(|(_, rates)| rates.records).fold(1.0, f64::max);
            (held > pace + self.status.pool.instances as f64).then_some(held)
        });
        held.max_by(f64::total_cmp).map(short)
    }

    /// The nodes before one in which records wait.
    fn waiting(&self, place: usize) -> Vec<&str> {
        let nodes = self.rates.nodes.iter().enumerate();
        let nodes = nodes.filter(|(before, rates)| rates.waited > WAITED && self.reaches(*before, place));
        nodes.map(|(before, _)| self.name(before)).collect()
    }

    /// Whether there is a path from one node to another.
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
