//! What records, functions and others have named becomes plain text, before anything else sees it.

use engine::metrics::{Snapshot, words};

/// Leaves nothing in a snapshot's texts that a terminal would obey.
pub(super) fn clean(snapshot: &mut Snapshot) {
    let plain = |text: &mut String| *text = words::plain(text);
    let Snapshot { status, verdict, lanes, .. } = snapshot;
    plain(&mut verdict.text);
    status.run.error.iter_mut().for_each(plain);
    status.nodes.iter_mut().for_each(|node| {
        plain(&mut node.name);
        plain(&mut node.kind);
    });
    status.functions.iter_mut().for_each(|function| {
        plain(&mut function.name);
        plain(&mut function.plugin);
    });
    let kinds = std::mem::take(&mut status.faults.kinds);
    status.faults.kinds = kinds.into_iter().map(|(kind, count)| (words::plain(&kind), count)).collect();
    status.faults.put_aside.iter_mut().for_each(plain);
    status.faults.latest.iter_mut().for_each(|told| {
        plain(&mut told.function);
        plain(&mut told.kind);
        plain(&mut told.message);
        told.excerpt.iter_mut().for_each(plain);
    });
    status.log.iter_mut().for_each(|line| {
        plain(&mut line.function);
        plain(&mut line.line);
    });
    lanes.iter_mut().for_each(|lane| plain(&mut lane.name));
}
