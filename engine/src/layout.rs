//! Lays out the nodes of a graph in a picture from left to right, each node to the right of its inputs.

use rust_sugiyama::configure::Config;

/// Between nodes.
const SPACE: f64 = 36.0;

/// The middle of each node, whose widths these are; all are equally high. `margin` is around all.
pub(crate) fn places(widths: &[f64], height: f64, margin: f64, edges: &[(usize, usize)]) -> Vec<(f64, f64)> {
    // The layout goes downwards: ours is the same on its side.
    let id = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    let vertices: Vec<_> = (0..).zip(widths).map(|(id, width)| (id, (height, *width))).collect();
    let edges: Vec<_> = edges.iter().map(|(from, to)| (id(*from), id(*to))).collect();
    let config = Config { vertex_spacing: SPACE, ..Config::default() };
    let mut places = vec![(0.0, 0.0); widths.len()];
    let mut top = margin;
    for (layout, _, _) in rust_sugiyama::from_vertices_and_edges(&vertices, &edges, &config) {
        let least = |of: fn(&(usize, (f64, f64))) -> f64| layout.iter().map(of).fold(f64::MAX, f64::min);
        let (left, upper) = (least(|(_, at)| at.1), least(|(_, at)| at.0));
        let widest = layout.iter().map(|(place, _)| widths[*place]).fold(0.0, f64::max);
        let mut bottom: f64 = top;
        for (place, (across, along)) in &layout {
            let at = (along - left + margin + widest / 2.0, across - upper + top + height / 2.0);
            places[*place] = at;
            bottom = bottom.max(at.1 + height / 2.0);
        }
        top = bottom + SPACE / 2.0;
    }
    places
}
