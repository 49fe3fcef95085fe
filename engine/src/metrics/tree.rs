//! The nodes of a graph as lines, one below the other.

use super::{EdgeStatus, Status};

/// The most columns by which branches are indented.
const DEEPEST: usize = 24;

/// A node in a list of all nodes. Each stands below those that it takes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Branch {
    /// Its place in the status.
    pub node: usize,
    /// The lines before its name, where the graph branches.
    pub lead: String,
    /// The places of those that it takes from, if there are several.
    pub from: Vec<usize>,
}

impl Status {
    /// The nodes as a tree: a chain is a list, and branches are indented.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use engine::{Monitor, Source, sinks};
    ///
    /// let monitor = Monitor::new();
    /// let source = Source::new().monitored(&monitor);
    /// let numbers = source.stream().filter(|x: &i64| *x > 0);
    /// numbers.branch().sink(sinks::list().0);
    /// numbers.map(|x| 2 * x).sink(sinks::list().0);
    /// let status = monitor.status();
    /// let line = |branch: engine::metrics::Branch| branch.lead + &status.nodes[branch.node].name;
    /// let lines: Vec<_> = status.tree().into_iter().map(line).collect();
    /// assert_eq!(lines, ["source", "filter", "├ sink", "└ map", "  sink"]);
    /// # }
    /// ```
    #[must_use]
    pub fn tree(&self) -> Vec<Branch> {
        tree(self.nodes.len(), &self.edges)
    }
}

fn tree(nodes: usize, edges: &[EdgeStatus]) -> Vec<Branch> {
    let mut growing = Growing {
        behind: vec![vec![]; nodes],
        before: vec![vec![]; nodes],
        met: vec![0; nodes],
        seen: vec![false; nodes],
        late: Vec::new(),
        tree: Vec::new(),
    };
    for EdgeStatus { from, to, .. } in edges {
        if from != to && *from < nodes && *to < nodes && !growing.before[*to].contains(from) {
            growing.behind[*from].push(*to);
            growing.before[*to].push(*from);
        }
    }
    let mut next: Vec<_> = (0..nodes).rev().filter(|node| growing.before[*node].is_empty()).collect();
    // Nodes on a cycle wait for each other: any of them is the first.
    while let Some(node) = next.pop().or_else(|| growing.seen.iter().position(|seen| !seen)) {
        let joined = growing.grow(node, "", "");
        next.extend(joined.into_iter().chain(std::mem::take(&mut growing.late)).rev());
    }
    growing.tree
}

struct Growing {
    behind: Vec<Vec<usize>>,
    before: Vec<Vec<usize>>,
    /// How many of those before it each node has met.
    met: Vec<usize>,
    seen: Vec<bool>,
    /// Branches that would be indented too far.
    late: Vec<usize>,
    tree: Vec<Branch>,
}

impl Growing {
    /// Adds a node and the nodes after it. Returns the nodes where it joins other branches.
    fn grow(&mut self, node: usize, lead: &str, below: &str) -> Vec<usize> {
        let (mut next, mut met) = (vec![node], Vec::new());
        let mut lead = lead;
        while let Some(node) = next.pop() {
            if std::mem::replace(&mut self.seen[node], true) {
                continue;
            }
            let from = if self.before[node].len() > 1 { self.before[node].clone() } else { Vec::new() };
            self.tree.push(Branch { node, lead: lead.to_owned(), from });
            lead = below;
            let behind = self.behind[node].clone();
            behind.iter().for_each(|next| self.met[*next] += 1);
            let is_ready = |next: &usize| self.met[*next] == self.before[*next].len() && !self.seen[*next];
            let ready = behind.iter().copied().filter(is_ready);
            let (joined, own): (Vec<_>, Vec<_>) = ready.partition(|next| self.before[*next].len() > 1);
            match behind.as_slice() {
                [_] => {
                    next.extend(own);
                    met.extend(joined);
                }
                _ => next.extend(self.fork(&own, joined, below).into_iter().rev()),
            }
        }
        met
    }

    /// Adds branches. Returns the nodes where they join.
    fn fork(&mut self, own: &[usize], mut joined: Vec<usize>, below: &str) -> Vec<usize> {
        if below.chars().count() > DEEPEST {
            self.late.extend(own);
            return joined;
        }
        for (place, next) in own.iter().enumerate() {
            let (lead, rest) = if place + 1 == own.len() { ("└ ", "  ") } else { ("├ ", "│ ") };
            joined.extend(self.grow(*next, &format!("{below}{lead}"), &format!("{below}{rest}")));
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(nodes: usize, edges: &[(usize, usize)]) -> Vec<String> {
        let edges: Vec<_> =
            edges.iter().map(|(from, to)| EdgeStatus { from: *from, to: *to, records: 0 }).collect();
        let line = |branch: Branch| {
            let from: Vec<_> = branch.from.iter().map(ToString::to_string).collect();
            let from = if from.is_empty() { String::new() } else { format!(" < {}", from.join(" ")) };
            format!("{}{}{from}", branch.lead, branch.node)
        };
        tree(nodes, &edges).into_iter().map(line).collect()
    }

    #[test]
    fn a_chain_is_a_list() {
        assert_eq!(lines(3, &[(0, 1), (1, 2)]), ["0", "1", "2"]);
    }

    #[test]
    fn branches_are_indented_and_joins_name_their_inputs() {
        let edges = [(0, 1), (0, 2), (2, 3), (1, 4), (3, 4), (4, 5)];
        assert_eq!(lines(6, &edges), ["0", "├ 1", "└ 2", "  3", "4 < 1 3", "5"]);
        let nested = [(0, 1), (0, 2), (1, 3), (1, 4)];
        assert_eq!(lines(5, &nested), ["0", "├ 1", "│ ├ 3", "│ └ 4", "└ 2"]);
    }

    #[test]
    fn several_sources_join() {
        assert_eq!(lines(4, &[(0, 2), (1, 2), (2, 3)]), ["0", "1", "2 < 0 1", "3"]);
    }

    #[test]
    fn many_nested_branches_are_all_listed() {
        let edges: Vec<_> =
            (0..20_000).flat_map(|node| [(2 * node, 2 * node + 1), (2 * node, 2 * node + 2)]).collect();
        let lines = lines(40_001, &edges);
        assert_eq!(lines.len(), 40_001);
        assert!(lines.iter().all(|line| line.chars().count() < 40));
        let diamond = |node| [(node, node + 1), (node, node + 2), (node + 1, node + 3), (node + 2, node + 3)];
        let edges: Vec<_> = (0..20_000).flat_map(|place| diamond(3 * place)).collect();
        assert_eq!(self::lines(60_001, &edges)[3..5], ["3 < 1 2", "├ 4"]);
    }

    #[test]
    fn nodes_on_a_cycle_are_listed_once() {
        assert_eq!(lines(4, &[(0, 1), (1, 2), (2, 1), (2, 3)]), ["0", "1 < 0 2", "2", "└ 3"]);
        assert_eq!(lines(2, &[(0, 0), (0, 7)]), ["0", "1"]);
    }
}
