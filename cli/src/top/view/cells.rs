//! Words and bars in columns of the terminal.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::top::theme::Theme;

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(wide).sum()
}

fn wide(c: char) -> usize {
    Span::raw(c.encode_utf8(&mut [0; 4]) as &str).width()
}

/// A text in this number of columns: cut, or filled with spaces.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let mut text = cut(text, columns);
    text.extend(std::iter::repeat_n(' ', columns - width(&text)));
    text
}

/// The same, with the room before it.
pub(super) fn right(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    " ".repeat(columns - width(&text)) + &text
}

/// As much of a text as has room.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if text.chars().take(columns + 1).map(wide).sum::<usize>() <= columns && text.chars().count() <= columns {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut used = 0;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let last = rest.peek().is_none();
        if used + wide(c) + usize::from(!last) > columns {
            shown.extend((used < columns).then_some('…'));
            break;
        }
        used += wide(c);
        shown.push(c);
    }
    shown
}

/// A part of 1, from 0 on, as a bar.
pub(super) fn bar(part: f64, columns: usize, style: Style, theme: Theme) -> [Span<'static>; 2] {
    let full = portion(part, columns);
    [Span::styled("━".repeat(full), style), Span::styled("─".repeat(columns - full), theme.dim())]
}

/// How many of `of` cells a part of 1 fills: at least one, unless it is almost 0.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is rounded to columns"
)]
fn portion(part: f64, of: usize) -> usize {
    let full = (part.clamp(0.0, 1.0) * of as f64).round() as usize;
    full.max(usize::from(part > 0.005)).min(of)
}

/// Values from 0 to `most` as a field of `rows` rows, a column each, the highest row first.
pub(super) fn field(values: &[f64], most: f64, rows: usize) -> Vec<String> {
    const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let heights: Vec<_> = values
        .iter()
        .map(
            |value| {
                if *value > 0.0 { portion(value / most.max(f64::MIN_POSITIVE), 8 * rows).max(1) } else { 0 }
            },
        )
        .collect();
    let row =
        |row: usize| heights.iter().map(|height| EIGHTHS[height.saturating_sub(8 * row).min(8)]).collect();
    (0..rows).rev().map(row).collect()
}

/// A part of 1 in percent.
pub(super) fn percent(part: f64) -> String {
    format!("{:.0} %", 100.0 * part)
}

/// Words below each other, as many in a line as have room.
pub(super) fn wrapped(text: &str, columns: usize, style: Style) -> Vec<Line<'static>> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is one");
        if !line.is_empty() && width(line) + 1 + width(word) > columns {
            lines.push(cut(word, columns));
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            *line = cut(line, columns);
        }
    }
    lines.into_iter().map(|line| Line::styled(line, style)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!((fit("漢字", 6), right("漢字", 6)), ("漢字  ".to_owned(), "  漢字".to_owned()));
        assert_eq!(
            [cut("漢字", 4), cut("漢字", 3), cut("漢字x", 4), cut("abc", 2)],
            ["漢字", "漢…", "漢…", "a…"]
        );
        assert_eq!([fit("漢字", 2), fit("漢", 1), fit("", 2), fit("abc", 0)], ["… ", "…", "  ", ""]);
    }

    #[test]
    fn table_fields_are_as_high_as_their_values() {
        assert_eq!(field(&[0.0, 1.0, 4.0, 8.0, 0.01], 8.0, 1), [" ▁▄█▁"]);
        assert_eq!(field(&[0.0, 1.0, 4.0, 8.0], 8.0, 2), ["   █", " ▂██"]);
        assert_eq!(field(&[0.0], 0.0, 1), [" "]);
    }

    #[test]
    fn words_without_room_are_truncated() {
        let told: Vec<_> =
            wrapped("one two abcdefghijk", 7, Style::new()).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["one two", "abcdef…"]);
    }
}
