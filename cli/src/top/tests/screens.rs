//! What is drawn on screens of several sizes, and printed as text.

use expect_test::expect_file;
use ratatui::style::Color;

use super::sample::{TOKEN, app, check, line, on_workers, press, rows, screen, snapshot, told};
use crate::top::app::App;
use crate::top::theme::Theme;
use crate::top::view;

#[test]
fn a_run_renders_on_a_small_screen() {
    check(&mut app(TOKEN, true, snapshot()), 80, 24, &expect_file!["../snapshots/80x24.txt"]);
}

#[test]
fn a_run_renders_on_a_large_screen() {
    check(&mut app(TOKEN, true, snapshot()), 160, 50, &expect_file!["../snapshots/160x50.txt"]);
}

#[test]
fn without_colours_functions_show_as_letters() {
    let mut app = app(TOKEN, false, snapshot());
    press(&mut app, "4");
    check(&mut app, 80, 10, &expect_file!["../snapshots/threads.txt"]);
    let cells = screen(&mut app, 80, 24);
    assert!(cells.content.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
}

#[test]
fn the_workers_of_a_cluster_stand_in_place_of_threads() {
    check(&mut on_workers(), 80, 24, &expect_file!["../snapshots/workers-80x24.txt"]);
    check(&mut on_workers(), 160, 50, &expect_file!["../snapshots/workers-160x50.txt"]);
}

#[test]
fn printing_once_gives_plain_text() {
    let app = app(TOKEN, false, snapshot());
    expect_file!["../snapshots/once.txt"].assert_eq(&view::text(&app, 100));
}

#[test]
fn colours_match_what_the_terminal_supports() {
    let cells = screen(&mut app(TOKEN, true, snapshot()), 160, 50);
    let of = |symbol: &str| cells.content.iter().find(|cell| cell.symbol() == symbol).unwrap();
    assert_eq!(of("▶").fg, Color::Yellow);
    assert_eq!(of("✗").fg, Color::Red);
    let is_its_own = |colour: Color| matches!(colour, Color::Rgb(..) | Color::Indexed(_));
    assert!(!cells.content.iter().any(|cell| is_its_own(cell.fg) || is_its_own(cell.bg)));
}

#[test]
fn every_screen_size_shows_something() {
    for (columns, rows) in [(1, 1), (2, 3), (10, 4), (40, 12), (119, 23), (120, 24), (300, 100)] {
        for page in "1234567".chars() {
            let mut app = app(TOKEN, true, snapshot());
            press(&mut app, &page.to_string());
            screen(&mut app, columns, rows);
        }
        screen(&mut App::new(TOKEN, Theme::new(true)), columns, rows);
    }
}

#[test]
fn a_narrow_screen_shows_whole_numbers_and_the_faults() {
    for (columns, first) in [
        (100, " running  00:42   in 27.8 k/s  out 41.7 k/s   2 faults   1.06 M in, 420 k out"),
        (60, " running  00:42   in 27.8 k/s  out 41.7 k/s   2 faults"),
        (50, " running  00:42   in 27.8 k/s   2 faults"),
        (30, " running  00:42   2 faults"),
        (20, " running    2 faults"),
    ] {
        assert_eq!(rows(&screen(&mut app(TOKEN, true, snapshot()), columns, 24))[0], first);
    }
}

#[test]
fn printing_once_includes_the_latest_faults_and_log_lines() {
    let mut long = snapshot();
    long.status.log = (1..=50).map(|number| line(number, &format!("line {number}"))).collect();
    long.status.faults.latest = (1..=30).rev().map(|number| told(number, 41_000, "even")).collect();
    let text = view::text(&app(TOKEN, false, long), 100);
    let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert_eq!((count("line "), count("out of range")), (10, 10), "{text}");
    assert!(text.contains("line 50\n") && text.contains("record 3000 "), "{text}");
    assert!(text.contains("… and 20 before these") && text.contains("… and 40 before these"), "{text}");
}
