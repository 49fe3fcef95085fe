//! Text from records and functions is shown as plain text, in the columns that it has.

use super::sample::{TOKEN, all_named, app, press, screen};
use crate::top::app::Update;
use crate::top::view;

#[test]
fn text_from_records_is_shown_as_plain_text() {
    let evil = "\x1b[2J\x1b]0;x\x07a\u{9b}31m\r\n\u{202e}b\u{200d}\0";
    for (columns, rows) in [(80, 24), (160, 50)] {
        for page in "1234567".chars() {
            let mut app = app(TOKEN, true, all_named(evil));
            app.hear(Update::Said(evil.to_owned()));
            let footer = screen(&mut app, columns, rows);
            press(&mut app, &page.to_string());
            for cells in [footer, screen(&mut app, columns, rows)] {
                let hidden = |c: char| c.is_control() || "\u{202e}\u{200d}".contains(c);
                assert!(!cells.content.iter().any(|cell| cell.symbol().contains(hidden)));
            }
        }
    }
    let text = view::text(&app(TOKEN, false, all_named(evil)), 100);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
}

#[test]
fn wide_characters_do_not_shift_their_neighbours() {
    let columns_of = |name: &str| {
        let cells = screen(&mut app(TOKEN, true, all_named(name)), 160, 50);
        let width = usize::from(cells.area.width);
        let rates: Vec<_> = (0..cells.content.len())
            .filter(|place| cells.content[*place].symbol() == "/" && cells.content[place + 1].symbol() == "s")
            .map(|place| place % width)
            .collect();
        let halves: Vec<_> = (0..cells.content.len())
            .filter(|place| cells.content[*place].symbol() == "■")
            .map(|place| place % width)
            .collect();
        (rates[2..].to_vec(), halves)
    };
    let long = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    for name in [
        "漢字かな交じり文漢字かな交じり文漢字かな交じり文漢字かな交じり文",
        "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👍🏽👍🏽🇩🇪🇩🇪👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦",
        "e\u{301}e\u{301}لالالالالالالالالالالالالالالالالالالالالالالالالالالالالا",
    ] {
        assert_eq!(columns_of(name), columns_of(long), "{name}");
    }
}
