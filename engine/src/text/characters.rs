//! How each character of an untrusted text is shown.

use unicode_width::UnicodeWidthChar;

/// How a character is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// As it is.
    Shown,
    /// It joins the character before it: harmless, unless there are many.
    Mark,
    /// A space or line control, or a line separator: shown as a space.
    Space,
    /// A control, an invisible character, or one that moves the text around it: shown as `\u{fffd}`.
    Hidden,
}

pub(super) fn look(c: char) -> Look {
    match c {
        ' '..='~' => Look::Shown,
        '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Look::Space,
        c if c.is_control() || is_hidden(c) => Look::Hidden,
        c if c.width() == Some(0) => Look::Mark,
        _ => Look::Shown,
    }
}

/// Formats, fillers, selectors, tags, surrogates of emoji, private use and what is no character.
fn is_hidden(c: char) -> bool {
    let ignorable = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
        | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}');
    let private = matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..);
    let is_none = matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    ignorable || private || is_none
}
