//! The page: as the dashboard serves it, and as one file for a report.

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

/// The most bars in a report for the calls of one function on one thread.
const BARS: u64 = 600;

/// All data of a report's page.
#[derive(Serialize)]
struct ReportData {
    version: &'static str,
    #[serde(flatten)]
    snapshot: Snapshot,
    history: History,
}

/// The page that follows a run, with or without its buttons.
pub(super) fn live(has_controls: bool) -> String {
    HTML.replace("{{may}}", if has_controls { "control" } else { "see" })
        .replace("{{head}}", LINKS)
        .replace("{{body}}", "")
}

/// The page with its data, which needs no other files and loads nothing.
pub(super) fn whole(monitor: &Monitor) -> String {
    let mut snapshot = monitor.snapshot();
    let now = snapshot.status.run.now;
    snapshot.lanes = monitor.lanes(now, now / BARS);
    let data = ReportData { version: env!("CARGO_PKG_VERSION"), snapshot, history: monitor.history() };
    // Within a script only `<` could be more than text.
    let data = serde_json::to_string(&data).expect("these are texts and numbers").replace('<', "\\u003c");
    let nonce = guard::token();
    let head = format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
         style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'\">\n\
         <style nonce=\"{nonce}\">{CHART_STYLE}{STYLE}</style>"
    );
    let body = format!(
        "<script type=\"application/json\" id=\"report\">{data}</script>\n\
         <script nonce=\"{nonce}\">{CHART_SCRIPT}</script>\n<script nonce=\"{nonce}\">{SCRIPT}</script>"
    );
    // Text from records is inserted last, so that no placeholder is replaced in it.
    HTML.replace("{{may}}", "report").replace("{{head}}", &head).replacen("{{body}}", &body, 1)
}
