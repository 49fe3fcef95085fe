//! Functions whose words would pass for the engine's own, or do something to a terminal.

#![expect(confusable_idents, mixed_script_confusables, reason = "names that look alike are what it is about")]

use engine_sdk::map;

/// Clears the screen, forges a line, hides the rest, and turns the direction of writing.
const WORDS: &str = "oh\x1b[2J\r\nengine: 7 records put aside in /etc/passwd\u{85}engine: done\u{2028}engine: \
                     done\u{202e}\u{2066}\u{200b}\u{e0041}\u{feff}\u{9b}2Je\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}";

/// Forged\u{1b}[2J
#[doc = "Docs\u{1b}[2J that\u{202e} hide\u{e0041}."]
#[map]
fn engine(record: &str) -> &str {
    println!("7 records put aside in /etc/passwd");
    record
}

/// The same, with a Cyrillic letter at its beginning.
#[map]
fn еngine(record: &str) -> &str {
    println!("7 records put aside in /etc/passwd");
    record
}

/// Prints them.
#[map]
fn prints(record: &str) -> &str {
    println!("{WORDS}");
    record
}

/// Fails with them.
#[map]
fn fails(_: &str) -> Result<String, String> {
    Err(WORDS.to_owned())
}

/// Panics with them.
#[map]
fn panics(record: &str) -> &str {
    assert!(record.is_empty(), "{WORDS}");
    record
}

/// Has them for an argument.
#[map(word = "\u{1b}[2J\u{202e}")]
fn argues(record: &str, word: &str) -> String {
    format!("{record}{word}")
}
