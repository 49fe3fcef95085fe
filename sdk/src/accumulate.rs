//! Functions that accumulate: their states, one or one for each key, and how these are written and read.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::contract::{Batch, Outcome};
use crate::failure::Failure;
use crate::outputs::Outputs;
use crate::process;
use crate::registry::{Bound, Process};

/// The first bytes of written states: a mark, and the version of their layout.
const MAGIC: &[u8; 4] = b"acc1";

/// What follows: no record came so far; one state; how many keys there are, and each with its state, their
/// lengths before them.
const NONE: u8 = 0;
const ONE: u8 = 1;
const BY_KEY: u8 = 2;

/// How a state starts, and how it is written and read.
pub struct StateCodec<S> {
    /// A state that has seen no record.
    pub start: fn() -> S,
    /// Reads what `write` wrote.
    pub read: fn(&[u8]) -> Result<S, Failure>,
    /// Appends a state.
    pub write: fn(&S, &mut Vec<u8>) -> Result<(), Failure>,
}

/// Binds a function that accumulates. `saved` are the states that it goes on with, and `step` is what a
/// record does to its state; it returns how many outputs it wrote.
pub fn accumulate<S: 'static>(
    saved: Option<&[u8]>,
    codec: StateCodec<S>,
    step: impl Fn(&mut S, &[u8], &mut Outputs) -> Result<u32, Failure> + 'static,
) -> Result<Process, String> {
    let states = match saved {
        Some(bytes) => States::read(bytes, &codec).map_err(|reason| format!("the state: {reason}"))?,
        None => States::None,
    };
    Ok(Box::new(Accumulation { codec, step, states: RefCell::new(states) }))
}

struct Accumulation<S, F> {
    codec: StateCodec<S>,
    step: F,
    states: RefCell<States<S>>,
}

/// By key in the order of keys, so that the same states are always the same bytes; and no input can choose
/// keys that take long to find.
enum States<S> {
    None,
    One(S),
    ByKey(BTreeMap<Box<[u8]>, S>),
}

impl<S, F> Bound for Accumulation<S, F>
where
    F: Fn(&mut S, &[u8], &mut Outputs) -> Result<u32, Failure>,
{
    fn process(&self, input: &Batch, keys: Option<&Batch>, room: u32) -> Outcome {
        let mut states = self.states.borrow_mut();
        if let States::None = *states {
            *states = match keys {
                Some(_) => States::ByKey(BTreeMap::new()),
                None => States::One((self.codec.start)()),
            };
        }
        match (&mut *states, keys) {
            (States::One(state), None) => {
                process::accumulate(input, room, |record, outputs| (self.step)(state, record, outputs))
            }
            (States::ByKey(states), Some(keys)) => {
                let mut keys = Keys { batch: keys, next: 0, start: 0 };
                process::accumulate(input, room, |record, outputs| {
                    self.step_by_key(states, keys.next(), record, outputs)
                })
            }
            (States::ByKey(_), _) => misused(input, "its state is one for each key, and the record has none"),
            _ => misused(input, "it has one state, which is for no key"),
        }
    }

    fn state(&self) -> Result<Vec<u8>, Failure> {
        self.states.borrow().write(&self.codec)
    }
}

impl<S, F> Accumulation<S, F>
where
    F: Fn(&mut S, &[u8], &mut Outputs) -> Result<u32, Failure>,
{
    /// A key is known once a record of it went well.
    #[inline]
    fn step_by_key(
        &self,
        states: &mut BTreeMap<Box<[u8]>, S>,
        key: &[u8],
        record: &[u8],
        outputs: &mut Outputs,
    ) -> Result<u32, Failure> {
        if let Some(state) = states.get_mut(key) {
            return (self.step)(state, record, outputs);
        }
        let mut state = (self.codec.start)();
        let given = (self.step)(&mut state, record, outputs)?;
        states.insert(key.into(), state);
        Ok(given)
    }
}

/// All records fail, one a call.
#[cold]
fn misused(input: &Batch, reason: &str) -> Outcome {
    process::accumulate(input, u32::MAX, |_, _| Err(Failure::new(reason)))
}

/// The records' keys, one after another.
struct Keys<'b> {
    batch: &'b Batch,
    next: usize,
    start: usize,
}

impl<'b> Keys<'b> {
    #[inline]
    fn next(&mut self) -> &'b [u8] {
        let Some(end) = self.batch.ends.get(self.next).map(|end| *end as usize) else { return &[] };
        let key = &self.batch.data[self.start..end];
        (self.next, self.start) = (self.next + 1, end + 1);
        key
    }
}

impl<S> States<S> {
    fn write(&self, codec: &StateCodec<S>) -> Result<Vec<u8>, Failure> {
        let mut data = MAGIC.to_vec();
        match self {
            Self::None => data.push(NONE),
            Self::One(state) => {
                data.push(ONE);
                write(state, codec, &mut data)?;
            }
            Self::ByKey(states) => {
                data.push(BY_KEY);
                data.extend_from_slice(&(states.len() as u32).to_le_bytes());
                for (key, state) in states {
                    data.extend_from_slice(&(key.len() as u32).to_le_bytes());
                    data.extend_from_slice(key);
                    let length = data.len();
                    data.extend_from_slice(&[0; 4]);
                    let bytes = write(state, codec, &mut data)?;
                    data[length..length + 4].copy_from_slice(&(bytes as u32).to_le_bytes());
                }
            }
        }
        Ok(data)
    }

    /// The bytes are not trusted.
    fn read(bytes: &[u8], codec: &StateCodec<S>) -> Result<Self, String> {
        let read = |bytes: &[u8]| (codec.read)(bytes).map_err(|failure| failure.to_string());
        let rest = bytes.strip_prefix(MAGIC).ok_or("it was written by something else")?;
        match rest {
            [NONE] => Ok(Self::None),
            [ONE, state @ ..] => Ok(Self::One(read(state)?)),
            [BY_KEY, rest @ ..] => {
                let short = "it ends too early";
                let (count, mut rest) = rest.split_first_chunk::<4>().ok_or(short)?;
                let mut states = BTreeMap::new();
                for _ in 0..u32::from_le_bytes(*count) {
                    let (key, state);
                    (key, rest) = part(rest).ok_or(short)?;
                    (state, rest) = part(rest).ok_or(short)?;
                    states.insert(key.into(), read(state)?);
                }
                if rest.is_empty() { Ok(Self::ByKey(states)) } else { Err("it ends too late".to_owned()) }
            }
            _ => Err("it was written by something else".to_owned()),
        }
    }
}

/// Appends a state, and returns its length. What would not come back, such as an infinite number in JSON,
/// is to be told now, and not when it is needed.
fn write<S>(state: &S, codec: &StateCodec<S>, data: &mut Vec<u8>) -> Result<usize, Failure> {
    let start = data.len();
    (codec.write)(state, data)?;
    let back = (codec.read)(&data[start..]);
    back.map_err(|failure| {
        Failure::new(format!("the state does not come back as it is written: {failure}"))
    })?;
    Ok(data.len() - start)
}

/// The bytes that follow their length, and the rest.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}
