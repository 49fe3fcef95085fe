//! The chart for the README: how many times as fast as each rival the engine is.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::measure::Measured;
use crate::report::times;

const WIDTH: f64 = 860.0;
/// Where the scale begins, and where it ends.
const LEFT: f64 = 430.0;
const RIGHT: f64 = 790.0;
const TOP: f64 = 64.0;
const ROW: f64 = 30.0;
/// The powers of ten that the scale shows.
const DECADES: [i32; 6] = [-1, 0, 1, 2, 3, 4];

/// Colours for light and dark pages, which people with colour blindness can tell apart.
const STYLE: &str = "
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .faint { fill: #656d76; font-size: 12px }
  .grid { stroke: #d8dee4 } .even { stroke: #656d76; stroke-width: 1.5 }
  .ahead { fill: #0969da } .behind { fill: #bc6c25 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .faint { fill: #9198a1 }
    .grid { stroke: #30363d } .even { stroke: #9198a1 }
    .ahead { fill: #4493f8 } .behind { fill: #d9944f }
  }";

/// Draws the lines that have a rival, one bar each.
pub(crate) fn write(path: &Path, all: &[Measured]) -> anyhow::Result<()> {
    let mut bars: Vec<(String, f64)> = Vec::new();
    for measured in all {
        for line in &measured.lines {
            let Some(((rival, _), ratio)) = line.rival.as_ref().zip(line.ratio()) else { continue };
            // Without the cases that compare the engine with itself, and with one bar for each rival.
            let known = bars.iter().any(|(name, _)| *name == format!("{}: {rival}", label(measured.name)));
            if !rival.starts_with("engine") && !known {
                bars.push((format!("{}: {rival}", label(measured.name)), ratio));
            }
        }
    }
    bars.sort_by(|one, other| one.1.total_cmp(&other.1));
    fs::write(path, draw(&bars)?).with_context(|| format!("can't write {}", path.display()))
}

/// A case in a few words.
fn label(name: &str) -> &'static str {
    match name {
        "guest" => "number + 1, in the guest",
        "lines" => "20 M lines, file to file",
        "json" => "JSON, file to file",
        "identity" => "1 KiB records as they are",
        "single" => "one record per call",
        "chain" => "scatter to gather",
        "round-trip" => "one element there and back",
        "start" => "start to end, one line",
        _ => "ten that sleep 1 s",
    }
}

fn place(ratio: f64) -> f64 {
    let (first, last) = (f64::from(DECADES[0]), f64::from(DECADES[DECADES.len() - 1]));
    let share = (ratio.log10().clamp(first, last) - first) / (last - first);
    LEFT + share * (RIGHT - LEFT)
}

fn draw(bars: &[(String, f64)]) -> anyhow::Result<String> {
    let bottom = TOP + ROW * bars.len() as f64;
    let height = bottom + 34.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Speed of engine as a multiple of each rival's\">\n<style>{STYLE}\n</style>\n\
         <text class=\"title\" x=\"16\" y=\"26\">engine’s speed, as a multiple of each rival’s</text>\n\
         <text class=\"faint\" x=\"16\" y=\"45\">measured alternately in one run, two cores; logarithmic scale</text>\n"
    );
    for decade in DECADES {
        let (ratio, class) = (10f64.powi(decade), if decade == 0 { "even" } else { "grid" });
        let (x, text) = (place(ratio), if decade == 0 { "as fast".into() } else { times_short(ratio) });
        writeln!(svg, "<path class=\"{class}\" d=\"M{x:.1} {TOP}V{bottom}\"/>")?;
        writeln!(
            svg,
            "<text class=\"faint\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{text}</text>",
            bottom + 20.0
        )?;
    }
    for (index, (name, ratio)) in bars.iter().enumerate() {
        let y = TOP + ROW * index as f64;
        let (from, to) = (place(1.0).min(place(*ratio)), place(1.0).max(place(*ratio)));
        let class = if *ratio >= 1.0 { "ahead" } else { "behind" };
        writeln!(
            svg,
            "<text text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT - 12.0,
            y + 20.0,
            escaped(name)
        )?;
        let width = (to - from).max(1.5);
        writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"18\" rx=\"2\"/>",
            y + 6.0
        )?;
        writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", to + 7.0, y + 20.0, times(*ratio))?;
    }
    svg += "</svg>\n";
    Ok(svg)
}

fn times_short(ratio: f64) -> String {
    if ratio < 1.0 { format!("{ratio} ×") } else { times(ratio).replace(".00", "").replace(".0", "") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
