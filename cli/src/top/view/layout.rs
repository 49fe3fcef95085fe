//! Which panels are shown at once, and where: what matters most first, as far as there is room.

use ratatui::layout::Rect;

use super::panel::{Panel, workers_of};
use crate::top::app::App;

/// From this size on panels stand side by side.
const WIDE: u16 = 120;
const HIGH: u16 = 24;

/// Charts that are higher tell no more.
const HIGHEST: u16 = 20;

/// No room between panels that stand side by side would make them one.
const GAP: u16 = 2;

/// How many rows a panel takes, with its title: these at least, and no more than those.
#[derive(Clone, Copy, Debug)]
struct Wants {
    least: u16,
    most: u16,
}

/// All panels that have room, with theirs.
pub(super) fn all(app: &App, area: Rect) -> Vec<(Panel, Rect)> {
    if area.width >= WIDE && area.height >= HIGH { side_by_side(app, area) } else { stacked(app, area) }
}

/// One below the other.
fn stacked(app: &App, area: Rect) -> Vec<(Panel, Rect)> {
    // In a cluster it is the workers that do the work.
    let [third, fourth, fifth] = match workers_of(app) {
        None => [Panel::Faults, Panel::Functions, Panel::Workers],
        Some(_) => [Panel::Workers, Panel::Faults, Panel::Functions],
    };
    let wanted = [Panel::Graph, Panel::Rates, third, fourth, fifth, Panel::Log];
    let mut heights = shared(wanted.map(|panel| wants(app, panel)), area.height);
    // What is left is the chart's.
    heights[1] += if heights[1] > 0 { area.height - heights.iter().sum::<u16>() } else { 0 };
    // They stand in the order of their keys.
    let mut top = area.y;
    let mut placed = Vec::new();
    for panel in Panel::ALL {
        let height = wanted.iter().position(|wanted| *wanted == panel).map_or(0, |place| heights[place]);
        if height > 0 {
            placed.push((panel, Rect { y: top, height, ..area }));
            top += height;
        }
    }
    placed
}

/// Graph and functions across, the others in pairs.
fn side_by_side(app: &App, area: Rect) -> Vec<(Panel, Rect)> {
    let [graph, functions, workers] =
        [Panel::Graph, Panel::Functions, Panel::Workers].map(|panel| wants(app, panel));
    let most = |panel| wants(app, panel).most;
    let pair = Wants { least: 6, most: workers.most.max(10) };
    let lists = Wants { least: 4, most: most(Panel::Faults).max(most(Panel::Log)).max(4) };
    let [graph, functions, mut pair, mut lists] = shared([graph, functions, pair, lists], area.height);
    // What is left is the charts', as far as it makes them clearer.
    let left = area.height - graph - functions - pair - lists;
    let higher = left.min(HIGHEST.saturating_sub(pair));
    pair += higher;
    lists += left - higher;
    let half = (area.width - GAP) / 2;
    let left = |y, height| Rect { y, height, width: half, ..area };
    let right = |y, height| Rect { x: area.x + half + GAP, y, height, width: area.width - half - GAP };
    let second = area.y + graph;
    let third = second + pair;
    let fourth = third + functions;
    vec![
        (Panel::Graph, Rect { height: graph, ..area }),
        (Panel::Rates, left(second, pair)),
        (Panel::Workers, right(second, pair)),
        (Panel::Functions, Rect { y: third, height: functions, ..area }),
        (Panel::Faults, left(fourth, lists)),
        (Panel::Log, right(fourth, lists)),
    ]
}

/// How many rows a panel takes.
fn wants(app: &App, panel: Panel) -> Wants {
    let Some(snapshot) = &app.snapshot else { return Wants { least: 2, most: 2 } };
    let status = &snapshot.status;
    let rows = |count: usize| u16::try_from(count).unwrap_or(u16::MAX - 8);
    let some = |count: usize, least: u16, extra: u16| Wants {
        least: least.min(rows(count).saturating_add(extra)),
        most: rows(count).saturating_add(extra),
    };
    match panel {
        Panel::Graph => some(status.nodes.len(), 9, 1),
        Panel::Rates => Wants { least: 3, most: 6 },
        Panel::Workers => match &status.workers {
            None => some(snapshot.lanes.len().max(1), 3, 2),
            Some(workers) => some(workers.len().max(1), 4, 2),
        },
        Panel::Functions => some(status.functions.len(), 5, 2),
        Panel::Faults if status.faults.latest.is_empty() => Wants { least: 2, most: 2 },
        Panel::Faults => some(status.faults.latest.len(), 3, 1),
        Panel::Log => some(status.log.len().max(1), 2, 1),
    }
}

/// Shares rows out: to each what it takes at least, as long as there are any, and then more.
fn shared<const N: usize>(wants: [Wants; N], rows: u16) -> [u16; N] {
    let mut left = rows;
    let mut heights = wants.map(|wants| {
        let given = if wants.least <= left { wants.least } else { 0 };
        left -= given;
        given
    });
    for (height, wants) in heights.iter_mut().zip(wants).filter(|(height, _)| **height > 0) {
        let more = wants.most.saturating_sub(*height).min(left);
        *height += more;
        left -= more;
    }
    heights
}
