//! How runs in several states are shown.

use super::sample::{TOKEN, app, press, rows, screen, snapshot};
use crate::top::app::Update;

#[test]
fn a_lost_run_keeps_its_last_frame() {
    let mut app = app(TOKEN, true, snapshot());
    app.hear(Update::Gone);
    let lines = rows(&screen(&mut app, 80, 24));
    assert!(lines[0].starts_with(" gone "), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("can't be reached")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("▶ enrich")), "{lines:?}");
    // What can't be done any more is not offered.
    assert!(lines[23].ends_with("  q leave") && !lines[23].contains("stop"), "{lines:?}");
    assert_eq!(press(&mut app, "p"), [None]);
    // It may come back.
    app.hear(Update::Snapshot(Box::new(snapshot())));
    assert!(rows(&screen(&mut app, 80, 24))[0].starts_with(" running "));
}

#[test]
fn another_run_at_the_same_address_has_its_own_history() {
    let mut app = app(TOKEN, true, snapshot());
    let mut other = snapshot();
    other.status.run.now = 400;
    app.hear(Update::Snapshot(Box::new(other)));
    assert_eq!((&*app.recent.at, &*app.whole.at), (&[400][..], &[0, 400][..]));
}

#[test]
fn a_short_run_shows_milliseconds() {
    let mut short = snapshot();
    short.status.run.now = 212;
    assert!(rows(&screen(&mut app(TOKEN, true, short), 80, 24))[0].starts_with(" running  212 ms   in "));
}

#[test]
fn a_failing_bottleneck_is_marked_as_both() {
    let mut failing = snapshot();
    failing.diagnosis.node = Some(4);
    let lines = rows(&screen(&mut app(TOKEN, true, failing), 80, 24));
    assert!(lines.iter().any(|line| line.starts_with("▶✗├ even ")), "{lines:?}");
}
