//! The page: as it is served, and whole in one file.

use serde::Serialize;

use super::guard;
use crate::Monitor;
use crate::metrics::{History, Snapshot};

const HTML: &str = include_str!("page/page.html");

pub(super) const STYLE: &str = include_str!("page/page.css");
pub(super) const SCRIPT: &str = concat!(
    include_str!("page/words.js"),
    include_str!("page/graph.js"),
    include_str!("page/charts.js"),
    include_str!("page/tables.js"),
    include_str!("page/page.js"),
);
pub(super) const CHART_STYLE: &str = include_str!("vendor/uplot.css");
pub(super) const CHART_SCRIPT: &str = include_str!("vendor/uplot.js");

const LINKS: &str = "<link rel=\"stylesheet\" href=\"uplot.css\">
<link rel=\"stylesheet\" href=\"page.css\">
<script src=\"uplot.js\" defer></script>
<script src=\"page.js\" defer></script>";

/// Into how many bars at most a thread's calls are put in a report, for each function.
const BARS: u64 = 600;

/// All that a report's page shows.
#[derive(Serialize)]
struct Told {
    version: &'static str,
    #[serde(flatten)]
    snapshot: Snapshot,
    history: History,
}

/// The page that shows a run as it goes on, to somebody who may control it or not.
pub(super) fn live(controls: bool) -> String {
    HTML.replace("{{may}}", if controls { "control" } else { "see" })
        .replace("{{head}}", LINKS)
        .replace("{{body}}", "")
}

/// A page that needs nothing else, and asks for nothing.
pub(super) fn whole(monitor: &Monitor) -> String {
    let mut snapshot = monitor.snapshot();
    let now = snapshot.status.run.now;
    snapshot.lanes = monitor.lanes(now, now / BARS);
    let told = Told { version: env!("CARGO_PKG_VERSION"), snapshot, history: monitor.history() };
    // Within a script only `<` could be more than text.
    let told = serde_json::to_string(&told).expect("these are texts and numbers").replace('<', "\\u003c");
    let nonce = guard::token();
    let head = format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
         style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'\">\n\
         <style nonce=\"{nonce}\">{CHART_STYLE}{STYLE}</style>"
    );
    let body = format!(
        "<script type=\"application/json\" id=\"report\">{told}</script>\n\
         <script nonce=\"{nonce}\">{CHART_SCRIPT}</script>\n<script nonce=\"{nonce}\">{SCRIPT}</script>"
    );
    // What records say comes last: nothing is looked for in it.
    HTML.replace("{{may}}", "report").replace("{{head}}", &head).replacen("{{body}}", &body, 1)
}
