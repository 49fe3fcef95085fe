//! What an operator keeps from one element to the next, as a checkpoint holds it.

use std::any::type_name;
use std::time::Duration;

use tokio::time::Instant;

use super::saved_types::SavedTypes;

/// What an operator keeps from one element to the next. A checkpoint saves it.
pub enum Keeps<'a> {
    /// Nothing: what comes of an element depends on this element alone.
    Nothing,
    /// A state, which can be saved and restored.
    State(&'a mut dyn Save),
    /// Something that can't be saved, and why: a clause such as "its window is a connection". A run with a checkpoint
    /// refuses the operator before its first element.
    Unsaved(&'a str),
}

/// A state that a checkpoint can hold.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::operators::{Keeps, Operator, Outputs, Restorer, Save, Saver};
///
/// /// Each element with the one before it.
/// #[derive(Default)]
/// struct Pairs(Option<i64>);
///
/// impl Save for Pairs {
///     fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
///         saver.values(&self.0)
///     }
///
///     fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
///         self.0 = restorer.values()?.pop();
///         Ok(())
///     }
/// }
///
/// impl Operator<i64> for Pairs {
///     type Output = (i64, i64);
///
///     fn take(&mut self, x: i64, outputs: &mut Outputs<(i64, i64)>) -> Result<(), String> {
///         if let Some(before) = self.0.replace(x) {
///             outputs.give((before, x));
///         }
///         Ok(())
///     }
///
///     fn keeps(&mut self) -> Keeps<'_> {
///         Keeps::State(self)
///     }
/// }
/// # engine::Source::new().stream().through(Pairs::default()).sink(|_| {});
/// # Ok(()) }
/// ```
pub trait Save {
    /// The version of what [`save`](Self::save) writes. A checkpoint of another version is refused.
    fn version(&self) -> u32 {
        1
    }

    /// Writes the state.
    ///
    /// # Errors
    ///
    /// A clause that says why it can't be saved.
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String>;

    /// Replaces the state by one that was saved, which is read in the order in which it was written.
    ///
    /// # Errors
    ///
    /// A clause that says why it is none.
    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String>;
}

/// Writes a state.
#[derive(Debug)]
pub struct Saver<'a> {
    types: &'a SavedTypes,
    bytes: Vec<u8>,
    now: Instant,
}

impl<'a> Saver<'a> {
    pub(crate) fn new(types: &'a SavedTypes) -> Self {
        Self { types, bytes: Vec::new(), now: Instant::now() }
    }

    /// What was written.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes a number.
    pub fn number(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// Writes moments, each as the time that is left until then.
    pub fn moments(&mut self, moments: impl IntoIterator<Item = Instant, IntoIter: ExactSizeIterator>) {
        let moments = moments.into_iter();
        self.number(moments.len() as u64);
        for moment in moments {
            let left = moment.saturating_duration_since(self.now);
            self.number(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// Writes values of a type that the run [saves](crate::checkpoint::ResumableRun::saves).
    ///
    /// # Errors
    ///
    /// If it does not, or if a value can't be read back.
    pub fn values<'v, T: 'static>(&mut self, values: impl IntoIterator<Item = &'v T>) -> Result<(), String> {
        let codec = self.types.codec::<T>()?;
        let (place, mut count) = (self.bytes.len(), 0);
        self.number(0);
        for value in values {
            let start = self.bytes.len();
            self.number(0);
            (codec.write)(value, &mut self.bytes)?;
            let written = start + size_of::<u64>();
            if count == 0 {
                // Some types can be written and not read: better known now than when a run is to continue.
                (codec.read)(&self.bytes[written..])
                    .map_err(|error| format!("values of {} can't be read back: {error}", type_name::<T>()))?;
            }
            let size = (self.bytes.len() - written) as u64;
            self.bytes[start..written].copy_from_slice(&size.to_le_bytes());
            count += 1_u64;
        }
        self.bytes[place..place + size_of::<u64>()].copy_from_slice(&count.to_le_bytes());
        Ok(())
    }
}

/// Reads a state that was saved.
#[derive(Debug)]
pub struct Restorer<'a> {
    types: &'a SavedTypes,
    bytes: &'a [u8],
    now: Instant,
}

impl<'a> Restorer<'a> {
    pub(crate) fn new(types: &'a SavedTypes, bytes: &'a [u8]) -> Self {
        Self { types, bytes, now: Instant::now() }
    }

    /// Checks that all was read.
    pub(crate) fn end(self) -> Result<(), String> {
        if self.bytes.is_empty() { Ok(()) } else { Err("it is longer than expected".to_owned()) }
    }

    /// Reads a number.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn number(&mut self) -> Result<u64, String> {
        let (number, rest) = self.bytes.split_first_chunk().ok_or("it is cut off")?;
        self.bytes = rest;
        Ok(u64::from_le_bytes(*number))
    }

    /// Reads moments: as long after now as they were after the moment at which they were saved.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub fn moments(&mut self) -> Result<Vec<Instant>, String> {
        let (count, mut moments) = (self.number()?, Vec::new());
        for _ in 0..count {
            let left = Duration::from_nanos(self.number()?);
            moments.push(self.now.checked_add(left).ok_or("a time in it is too long")?);
        }
        Ok(moments)
    }

    /// Reads values.
    ///
    /// # Errors
    ///
    /// If there are none of this type.
    pub fn values<T: 'static>(&mut self) -> Result<Vec<T>, String> {
        let codec = self.types.codec::<T>()?;
        // Nothing is allocated for a count that may be wrong.
        let (count, mut values) = (self.number()?, Vec::new());
        for _ in 0..count {
            let size = usize::try_from(self.number()?).map_err(|error| error.to_string())?;
            let (value, rest) = self.bytes.split_at_checked(size).ok_or("it is cut off")?;
            self.bytes = rest;
            values.push((codec.read)(value)?);
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn saved(save: impl FnOnce(&mut Saver<'_>) -> Result<(), String>) -> Result<Vec<u8>, String> {
        let types = SavedTypes::default();
        let mut saver = Saver::new(&types);
        save(&mut saver)?;
        Ok(saver.finish())
    }

    #[test]
    fn a_type_that_is_not_saved_is_named_even_if_there_are_no_values() {
        struct Mine;
        let refused = saved(|saver| saver.values::<Mine>(&[])).unwrap_err();
        assert!(refused.contains("Mine") && refused.contains("saves::<"), "{refused}");
    }

    #[test]
    fn a_type_that_cannot_be_read_back_is_refused_when_it_is_saved() {
        let mut types = SavedTypes::default();
        types.add::<serde_json::Value>();
        let refused = Saver::new(&types).values(&[serde_json::json!({"a": 1})]).unwrap_err();
        assert!(refused.contains("can't be read back"), "{refused}");
    }

    #[test]
    fn floats_are_restored_to_the_last_bit() {
        let floats = [f64::NAN, -0.0, f64::MIN_POSITIVE / 2.0, f64::INFINITY, 0.1];
        let bytes = saved(|saver| saver.values(&floats)).unwrap();
        let restored = Restorer::new(&SavedTypes::default(), &bytes).values::<f64>().unwrap();
        assert_eq!(restored.into_iter().map(f64::to_bits).collect::<Vec<_>>(), floats.map(f64::to_bits));
    }

    proptest! {
        #[test]
        fn values_round_trip(texts: Vec<String>, number: u64, bytes: Vec<Vec<u8>>) {
            let types = SavedTypes::default();
            let saved = saved(|saver| {
                saver.values(&texts)?;
                saver.number(number);
                saver.values(&bytes)
            })
            .unwrap();
            let mut restorer = Restorer::new(&types, &saved);
            prop_assert_eq!(restorer.values::<String>(), Ok(texts));
            prop_assert_eq!(restorer.number(), Ok(number));
            prop_assert_eq!(restorer.values::<Vec<u8>>(), Ok(bytes));
            prop_assert_eq!(restorer.end(), Ok(()));
        }

        #[test]
        fn any_bytes_cause_no_panic(bytes: Vec<u8>) {
            let types = SavedTypes::default();
            let mut restorer = Restorer::new(&types, &bytes);
            let _ = restorer.moments();
            let _ = restorer.values::<String>();
            let _ = restorer.values::<(Vec<u8>, Vec<u8>)>();
        }
    }
}
