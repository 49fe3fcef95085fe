//! What keys do.

use engine::metrics::RunState;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::sample::{TOKEN, app, line, press, rows, screen, snapshot};
use crate::top::app::{Action, App, Update, Viewer};
use crate::top::theme::Theme;

#[test]
fn keys_send_their_actions() {
    let mut app = app(TOKEN, true, snapshot());
    assert_eq!(press(&mut app, "pd"), [Some(Action::Pause), Some(Action::Drain)]);
    // A stop waits for its yes.
    assert_eq!(press(&mut app, "Sn"), [None, None]);
    assert_eq!(press(&mut app, "S"), [None]);
    for columns in [60, 80] {
        let question = "Stop the run? Records in progress are not finished. y/n";
        assert_eq!(rows(&screen(&mut app, columns, 24))[23], question);
    }
    assert_eq!(press(&mut app, "yq"), [Some(Action::Stop), Some(Action::Leave)]);
    let mut paused = snapshot();
    paused.status.run.state = RunState::Paused;
    app.hear(Update::Snapshot(Box::new(paused)));
    assert_eq!(press(&mut app, "p"), [Some(Action::Resume)]);
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(app.key(control_c), Some(Action::Leave));
    assert_eq!(App::new(Viewer::Itself, Theme::new(true)).key(control_c), Some(Action::Interrupt));
}

#[test]
fn without_the_token_keys_ask_for_it() {
    let mut app = app(Viewer::Other { has_token: false }, true, snapshot());
    for key in ["p", "d", "S"] {
        assert_eq!(press(&mut app, key), [None]);
        assert!(rows(&screen(&mut app, 80, 24))[23].starts_with("that needs the token"), "{key}");
    }
    assert_eq!(press(&mut app, "y"), [None]);
}

#[test]
fn a_finished_run_offers_no_stop() {
    let mut over = snapshot();
    over.status.run.state = RunState::Done;
    for who in [TOKEN, Viewer::Itself] {
        let lines = rows(&screen(&mut app(who, true, over.clone()), 80, 24));
        assert!(lines[23].ends_with("  q leave") && !lines[23].contains("pause"), "{lines:?}");
    }
}

#[test]
fn a_list_scrolls_no_further_than_its_end() {
    let mut long = snapshot();
    long.status.log = (1..=50).map(|number| line(number, &format!("line {number}"))).collect();
    let mut app = app(TOKEN, true, long);
    press(&mut app, "7");
    assert!(rows(&screen(&mut app, 80, 24))[5].ends_with("line 50"));
    press(&mut app, &"j".repeat(200));
    let lines = rows(&screen(&mut app, 80, 24));
    assert!(lines[22].ends_with("line 1"), "{lines:?}");
    press(&mut app, "k");
    let lines = rows(&screen(&mut app, 80, 24));
    assert!(lines[22].ends_with("line 2"), "{lines:?}");
}
