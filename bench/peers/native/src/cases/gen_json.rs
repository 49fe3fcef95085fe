//! Writes events of a web shop as lines of 280 to 320 bytes, the same ones at each run.

use std::borrow::Cow;
use std::io::{BufWriter, Write, stdout};

use anyhow::Context;
use event::{Event, Item, User};

const FIRST_NAMES: [&str; 8] = ["Ada", "Björn", "Chloé", "Dmitri", "Emma", "Farid", "Grace", "Hiro"];
const LAST_NAMES: [&str; 8] = ["Abe", "Brown", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Hansen"];
const COUNTRIES: [(&str, &str); 6] =
    [("de", "EUR"), ("fr", "EUR"), ("gb", "GBP"), ("jp", "JPY"), ("se", "SEK"), ("us", "USD")];
const TAGS: [&str; 8] = ["app", "coupon", "express", "gift", "new", "repeat", "sale", "web"];
const ARTICLES: [&str; 6] = ["BOOK", "CHAIR", "LAMP", "PEN", "SHIRT", "TEA"];
const WORDS: [&str; 12] =
    ["please", "ring", "the", "bell", "leave", "it", "with", "a", "neighbour", "thank", "you", "\"fragile\""];

/// Writes `records` events to standard output.
pub(crate) fn run(records: u64) -> anyhow::Result<()> {
    let mut random = Random(0);
    let mut out = BufWriter::with_capacity(256 << 10, stdout().lock());
    let mut line = Vec::new();
    for id in 0..records {
        write_event(id, &mut random, &mut line)?;
        out.write_all(&line).context("can't write")?;
    }
    out.flush().context("can't write")
}

/// Puts one line into `line`. The note is as long as the line's length asks for.
fn write_event(id: u64, random: &mut Random, line: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut event = event(id, random);
    let length = 280 + random.below(41);
    line.clear();
    serde_json::to_writer(&mut *line, &event)?;
    let room = length.saturating_sub(line.len());
    event.note = note(room, random).into();
    line.clear();
    serde_json::to_writer(&mut *line, &event)?;
    line.push(b'\n');
    Ok(())
}

/// An event with no note.
fn event(id: u64, random: &mut Random) -> Event<'static> {
    let (first, last) = (random.pick(&FIRST_NAMES), random.pick(&LAST_NAMES));
    let (country, currency) = random.pick(&COUNTRIES);
    let email = format!("{}{}@example.com", last.to_lowercase(), random.below(100));
    let items = vec![item(random), item(random)];
    let cents: f64 = items.iter().map(|item| item.price * 100.0 * f64::from(item.count)).sum();
    Event {
        id: 10_000_000 + id,
        ts: 1_767_225_600_000 + 250 * id + random.below(250) as u64,
        user: User { name: format!("{first} {last}").into(), email: email.into(), country: country.into() },
        amount: cents.round() / 100.0,
        currency: currency.into(),
        tags: (0..1 + random.below(3)).map(|_| random.pick(&TAGS).to_owned()).collect(),
        items,
        note: Cow::Borrowed(""),
    }
}

fn item(random: &mut Random) -> Item<'static> {
    Item {
        sku: format!("{}-{}", random.pick(&ARTICLES), 100 + random.below(900)).into(),
        count: 1 + random.below(4) as u32,
        price: (99 + random.below(19_900)) as f64 / 100.0,
    }
}

/// Words that take `room` bytes as JSON. Each eighth note has a line break, which takes two.
fn note(room: usize, random: &mut Random) -> String {
    let mut note = String::with_capacity(room);
    let mut used = 0;
    if random.below(8) == 0 && room >= 2 {
        note.push('\n');
        used += 2;
    }
    while used < room {
        let word = random.pick(&WORDS);
        let cost = 1 + word.len() + word.matches('"').count();
        if used + cost > room {
            note.extend(std::iter::repeat_n('.', room - used));
            break;
        }
        note.push_str(word);
        note.push(' ');
        used += cost;
    }
    note
}

/// SplitMix64: numbers that look random, the same ones at each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_lines_are_events_of_the_requested_length() -> anyhow::Result<()> {
        let mut random = Random(0);
        let mut line = Vec::new();
        let mut escapes = 0;
        for id in 0..10_000 {
            write_event(id, &mut random, &mut line)?;
            let text = str::from_utf8(&line)?.trim_end();
            assert!((280..=320).contains(&text.len()), "{} bytes: {text}", text.len());
            let event: Event = serde_json::from_str(text)?;
            assert_eq!(serde_json::to_string(&event)?, text);
            escapes += usize::from(event.note.contains(['"', '\n']));
        }
        assert!((1_000..9_000).contains(&escapes), "{escapes} notes have escapes");
        Ok(())
    }
}
