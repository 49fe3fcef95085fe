//! What is computed over all records of a key: counts, sums, and the least, greatest, first and last values.

use std::cmp::Ordering;
use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Number;

use crate::graph::{Reducer, Refusal};
use crate::nodes::{Bytes, Key, json};
use crate::record::shorten;

/// What is computed over all records of a key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum Fold {
    /// How many records there are.
    Count,
    /// The sum of a part, which is a number or null.
    Sum(Key),
    /// The least of a part, which is a number, a text or null.
    Min(Key),
    /// The greatest of a part, which is a number, a text or null.
    Max(Key),
    /// The part of the first record.
    First(Key),
    /// The part of the last record.
    Last(Key),
}

/// The values of a key so far: each as JSON, but sums.
#[derive(Clone, Debug)]
pub(in crate::pipeline) enum Total {
    Count(u64),
    Whole(i128),
    Float(f64),
    Part(Box<str>),
    None,
}

pub(in crate::pipeline) type Folded = Vec<Total>;

/// What is made of the records of each key.
#[derive(Clone)]
pub(in crate::pipeline) struct Folds {
    has_key: bool,
    values: Arc<IndexMap<String, Fold>>,
    /// Those of the record at hand, before they are made.
    changes: Vec<Option<Total>>,
}

impl Folds {
    pub(in crate::pipeline) fn new(has_key: bool, values: IndexMap<String, Fold>) -> Self {
        Self { has_key, values: Arc::new(values), changes: Vec::new() }
    }

    /// The object of a key.
    pub(in crate::pipeline) fn object(&self, key: &[u8], totals: &Folded) -> Bytes {
        let mut object = vec![b'{'];
        if self.has_key {
            object.extend_from_slice(b"\"key\":");
            object.extend_from_slice(key);
        }
        for (name, total) in self.values.keys().zip(totals) {
            if object.len() > 1 {
                object.push(b',');
            }
            object.extend_from_slice(&json::quoted(name));
            object.push(b':');
            object.extend_from_slice(total.json().as_bytes());
        }
        object.push(b'}');
        object
    }
}

impl Total {
    fn json(&self) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Whole(sum) => sum.to_string(),
            Self::Float(sum) => Number::from_f64(*sum).map_or("null".to_owned(), |sum| sum.to_string()),
            Self::Part(part) => part.to_string(),
            Self::None => "null".to_owned(),
        }
    }

    /// A letter for what it is, and its value.
    fn saved(&self) -> String {
        match self {
            Self::Count(count) => format!("c{count}"),
            Self::Whole(sum) => format!("w{sum}"),
            Self::Float(sum) => format!("f{}", sum.to_bits()),
            Self::Part(part) => format!("p{part}"),
            Self::None => "n".to_owned(),
        }
    }

    fn restored(saved: &str) -> Option<Self> {
        let (letter, value) = saved.split_at_checked(1)?;
        Some(match letter {
            "c" => Self::Count(value.parse().ok()?),
            "w" => Self::Whole(value.parse().ok()?),
            "f" => Self::Float(f64::from_bits(value.parse().ok()?)),
            "p" => Self::Part(value.into()),
            "n" => Self::None,
            _ => return None,
        })
    }

    fn size(&self) -> usize {
        size_of::<Self>() + if let Self::Part(part) = self { part.len() } else { 0 }
    }
}

impl Fold {
    /// The total with one more record, if it is another one.
    fn with(&self, total: &Total, record: &[u8]) -> Result<Option<Total>, String> {
        let (Self::Sum(Key(path))
        | Self::Min(Key(path))
        | Self::Max(Key(path))
        | Self::First(Key(path))
        | Self::Last(Key(path))) = self
        else {
            let Total::Count(count) = total else { return Ok(Some(Total::Count(1))) };
            return Ok(Some(Total::Count(count + 1)));
        };
        let part = path.of(record)?.trim_ascii();
        let is_wanted = match (self, total) {
            (Self::First(_), Total::Part(_)) => false,
            (Self::First(_) | Self::Last(_), _) => true,
            _ if part == "null" => false,
            (Self::Sum(_), _) => return sum(total, part).map(Some),
            (_, Total::Part(known)) => {
                let wanted = if matches!(self, Self::Min(_)) { Ordering::Less } else { Ordering::Greater };
                compare(part, known)? == wanted
            }
            _ => compare(part, part).map(|_| true)?,
        };
        Ok(is_wanted.then(|| Total::Part(part.into())))
    }
}

/// The sum with one more number. It is exact as long as all are whole.
fn sum(total: &Total, part: &str) -> Result<Total, String> {
    let no_number = || format!("{} is no number", shorten(part.as_bytes()));
    let whole = part.parse::<i128>().ok();
    if let (Total::Whole(sum), Some(whole)) = (total, whole)
        && let Some(sum) = sum.checked_add(whole)
    {
        return Ok(Total::Whole(sum));
    }
    let number = serde_json::from_str::<f64>(part).map_err(|_| no_number())?;
    let sum = match (total, whole) {
        (Total::None, Some(whole)) => return Ok(Total::Whole(whole)),
        (Total::Whole(sum), _) => *sum as f64 + number,
        (Total::Float(sum), _) => sum + number,
        _ => number,
    };
    if sum.is_finite() { Ok(Total::Float(sum)) } else { Err(format!("with {part}, the sum is too large")) }
}

/// The order of two numbers, or of two texts.
fn compare(one: &str, other: &str) -> Result<Ordering, String> {
    let numbers = [one, other].map(|part| serde_json::from_str::<f64>(part).ok());
    if let [Some(one_number), Some(other_number)] = numbers {
        let whole = one.parse::<i128>().ok().zip(other.parse::<i128>().ok());
        return Ok(whole.map_or(one_number.total_cmp(&other_number), |(one, other)| one.cmp(&other)));
    }
    match [one, other].map(|part| serde_json::from_str::<String>(part).ok()) {
        [Some(one), Some(other)] => Ok(one.cmp(&other)),
        _ if one == other => Err(format!("{} is neither a number nor a text", shorten(one.as_bytes()))),
        _ => Err(format!("{} can't be compared with {}", shorten(one.as_bytes()), shorten(other.as_bytes()))),
    }
}

impl Reducer<(Bytes, Bytes)> for Folds {
    type Key = Bytes;
    type State = Folded;
    type Saved = Vec<String>;

    fn key(&mut self, (key, _): &(Bytes, Bytes)) -> Bytes {
        key.clone()
    }

    fn begin(&self) -> Folded {
        vec![Total::None; self.values.len()]
    }

    fn add(&mut self, state: &mut Folded, (_, record): (Bytes, Bytes), room: usize) -> Result<(), Refusal> {
        let mut taken = 0;
        self.changes.clear();
        for (fold, total) in self.values.values().zip(&*state) {
            let change = fold.with(total, &record)?;
            taken += change.as_ref().unwrap_or(total).size();
            self.changes.push(change);
        }
        if taken > room {
            return Err(Refusal::Full);
        }
        let changed = self.changes.drain(..).zip(state).filter_map(|(change, total)| Some((change?, total)));
        changed.for_each(|(change, total)| *total = change);
        Ok(())
    }

    fn saved(&self, state: &Folded) -> Vec<String> {
        state.iter().map(Total::saved).collect()
    }

    fn restored(&self, saved: Vec<String>) -> Result<Folded, String> {
        if saved.len() != self.values.len() {
            return Err("it has other values".to_owned());
        }
        saved
            .iter()
            .map(|total| Total::restored(total).ok_or_else(|| format!("it holds {total:?}")))
            .collect()
    }

    fn weigh_key(&self, key: &Bytes) -> usize {
        key.len() + size_of::<(Bytes, Folded)>()
    }

    fn weigh(&self, state: &Folded) -> usize {
        state.iter().map(Total::size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_restored_as_they_were_saved() {
        let part = |text: &str| Total::Part(text.into());
        let totals = vec![
            Total::Count(u64::MAX),
            Total::Whole(i128::MIN),
            Total::Float(f64::INFINITY),
            Total::Float(-0.1),
            part("\"ä\""),
            part("null"),
            Total::None,
        ];
        for total in totals {
            let restored = Total::restored(&total.saved()).map(|restored| format!("{restored:?}"));
            assert_eq!(restored, Some(format!("{total:?}")));
        }
        for other in ["", "x", "c-1", "ä"] {
            assert!(Total::restored(other).is_none(), "{other}");
        }
    }
}
