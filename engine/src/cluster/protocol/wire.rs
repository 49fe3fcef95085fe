//! Messages between a host and its workers, as bytes.
//!
//! A message is one byte that tells the protocol's version, and a structure in postcard's format. What comes is
//! not trusted: a length is believed only as far as bytes follow.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::executor::{Ending, NumberedFailure, SegmentResult};
use crate::function::UsageTotals;
use crate::record::{Batch, Numbers};
use crate::text::PlainText;
use crate::versions::CLUSTER_PROTOCOL;

/// The version of the protocol. Hosts and workers of different versions do not talk to each other.
pub(in crate::cluster) const PROTOCOL: u8 = 2;

// The table of all versions has it too.
const _: () = assert!(CLUSTER_PROTOCOL.written == PROTOCOL as u32);

/// Bytes of a result in one message at most; a longer result comes in parts.
pub(in crate::cluster) const PART_BYTES: usize = 512 << 10;

/// More faults than there are records in a task are those of pieces; no result has more of them.
const MOST_FAULTS: usize = 1 << 20;

/// Results have no more lines that functions printed, and no more functions.
const MOST_PRINTED: usize = 1 << 18;
const MOST_STAGES: usize = 1 << 12;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::cluster) enum WireError {
    #[error("the message is empty")]
    Empty,
    #[error(
        "the message is of version {0} of the protocol, and this is version {PROTOCOL}: run the same engine everywhere"
    )]
    Version(u8),
    #[error("the message is damaged: {0}")]
    Damaged(String),
}

/// Records on their way to a worker.
#[derive(Clone, Debug)]
pub(in crate::cluster) struct Task {
    /// Which host of the run it is from: a later one has a higher number.
    pub(in crate::cluster) epoch: u64,
    pub(in crate::cluster) task: u64,
    /// How often it was handed out before.
    pub(in crate::cluster) attempt: u32,
    /// Whose stages they are to go through.
    pub(in crate::cluster) segment: u32,
    pub(in crate::cluster) batch: Batch,
}

/// A part of what came of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) struct ResultPart {
    pub(in crate::cluster) epoch: u64,
    pub(in crate::cluster) task: u64,
    /// Tells this result from others of the same task.
    pub(in crate::cluster) nonce: u64,
    pub(in crate::cluster) part: u32,
    /// How many there are; at least one.
    pub(in crate::cluster) parts: u32,
    pub(in crate::cluster) body: Bytes,
}

/// What came of a task.
#[derive(Clone, Debug)]
pub(in crate::cluster) struct Outcome {
    /// The worker that did it.
    pub(in crate::cluster) worker: PlainText,
    /// How long that took, in nanoseconds.
    pub(in crate::cluster) nanos: u64,
    pub(in crate::cluster) whole: SegmentResult,
    /// What each stage used on that worker up to now.
    pub(in crate::cluster) used: Vec<UsageTotals>,
    /// What stages printed there since the last result.
    pub(in crate::cluster) printed: Vec<(usize, String)>,
}

#[derive(Serialize, Deserialize)]
struct WireBatch<'a> {
    #[serde(borrow)]
    numbers: WireNumbers<'a>,
    lengths: Cow<'a, [u32]>,
    #[serde(borrow, serialize_with = "at_once")]
    data: &'a [u8],
}

#[derive(Serialize, Deserialize)]
enum WireNumbers<'a> {
    From(u64),
    /// The first one, and how much further each one is.
    Each(Cow<'a, [u64]>),
}

#[derive(Serialize, Deserialize)]
struct WireTask<'a> {
    epoch: u64,
    task: u64,
    attempt: u32,
    segment: u32,
    #[serde(borrow)]
    batch: WireBatch<'a>,
}

#[derive(Serialize, Deserialize)]
struct WirePart<'a> {
    epoch: u64,
    task: u64,
    nonce: u64,
    part: u32,
    parts: u32,
    #[serde(borrow, serialize_with = "at_once")]
    body: &'a [u8],
}

#[derive(Serialize, Deserialize)]
struct WireOutcome<'a> {
    worker: Cow<'a, PlainText>,
    nanos: u64,
    #[serde(borrow)]
    whole: WireSegmentResult<'a>,
    #[serde(deserialize_with = "at_most::<_, _, MOST_STAGES>")]
    used: Cow<'a, [UsageTotals]>,
    #[serde(deserialize_with = "at_most::<_, _, MOST_PRINTED>")]
    printed: Cow<'a, [(usize, String)]>,
}

#[derive(Serialize, Deserialize)]
struct WireSegmentResult<'a> {
    #[serde(borrow)]
    output: WireBatch<'a>,
    #[serde(deserialize_with = "at_most::<_, _, MOST_FAULTS>")]
    failed: Cow<'a, [NumberedFailure]>,
    ending: Option<Cow<'a, Ending>>,
}

impl<'a> WireBatch<'a> {
    fn of(batch: &'a Batch) -> Self {
        let numbers = match batch.numbers() {
            Numbers::From(first) => WireNumbers::From(first),
            Numbers::Each(numbers) => {
                let before = [0].iter().chain(&numbers[..]);
                WireNumbers::Each(numbers.iter().zip(before).map(|(n, before)| n - before).collect())
            }
        };
        let (mut scratch, mut begin) = (Vec::new(), 0);
        let lengths = batch.ends(&mut scratch).iter().map(|end| {
            let length = end - begin;
            begin = end + 1;
            length
        });
        Self { numbers, lengths: lengths.collect(), data: batch.data() }
    }

    /// About how many bytes it takes.
    fn size(&self) -> usize {
        let numbers = match &self.numbers {
            WireNumbers::From(_) => 0,
            WireNumbers::Each(numbers) => 2 * numbers.len(),
        };
        self.data.len() + 2 * self.lengths.len() + numbers
    }

    fn build(self) -> Result<Batch, WireError> {
        let damaged = |what: &str| WireError::Damaged(what.to_owned());
        let mut end = 0_u64;
        let mut ends = self.lengths.into_owned();
        for length in &mut ends {
            end += u64::from(*length);
            *length = u32::try_from(end).map_err(|_| damaged("records of 4 GiB"))?;
            end += 1;
        }
        if end != self.data.len() as u64 {
            return Err(damaged("the lengths of its records do not add up"));
        }
        let numbers = match self.numbers {
            WireNumbers::From(first) => Numbers::From(first),
            WireNumbers::Each(steps) if steps.len() == ends.len() => {
                let mut number = 0_u64;
                let mut numbers = steps.into_owned();
                for step in &mut numbers {
                    number =
                        number.checked_add(*step).ok_or_else(|| damaged("numbers that are too large"))?;
                    *step = number;
                }
                Numbers::Each(numbers.into())
            }
            WireNumbers::Each(_) => return Err(damaged("not every record has a number")),
        };
        Ok(Batch::new(self.data.to_vec(), ends, numbers))
    }
}

/// What the broker knows an attempt of a task by.
pub(in crate::cluster) fn task_id(epoch: u64, task: u64, attempt: u32) -> String {
    format!("{epoch}.{task}.{attempt}")
}

impl Task {
    pub(in crate::cluster) fn encode(&self) -> Bytes {
        let batch = WireBatch::of(&self.batch);
        let size = batch.size();
        let Self { epoch, task, attempt, segment, .. } = *self;
        encode(&WireTask { epoch, task, attempt, segment, batch }, size)
    }

    pub(in crate::cluster) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let WireTask { epoch, task, attempt, segment, batch } = decode(bytes)?;
        let batch = batch.build()?;
        if batch.is_empty() {
            return Err(WireError::Damaged("a task without records".to_owned()));
        }
        Ok(Self { epoch, task, attempt, segment, batch })
    }
}

impl ResultPart {
    /// A result in as many parts as it takes, of at most `most` bytes each.
    pub(in crate::cluster) fn cut(epoch: u64, task: u64, nonce: u64, body: &Bytes, most: usize) -> Vec<Self> {
        let count = body.len().div_ceil(most).max(1);
        let parts = u32::try_from(count).unwrap_or(u32::MAX);
        let cut = (0..parts).map(|part| {
            let from = part as usize * most;
            let body = body.slice(from..body.len().min(from + most));
            Self { epoch, task, nonce, part, parts, body }
        });
        cut.collect()
    }

    /// What the broker knows the part by.
    pub(in crate::cluster) fn id(&self) -> String {
        let Self { epoch, task, nonce, part, .. } = self;
        format!("{epoch}.{task}.{nonce}.{part}")
    }

    pub(in crate::cluster) fn encode(&self) -> Bytes {
        let Self { epoch, task, nonce, part, parts, body } = self;
        let part = WirePart { epoch: *epoch, task: *task, nonce: *nonce, part: *part, parts: *parts, body };
        encode(&part, body.len())
    }

    pub(in crate::cluster) fn decode(bytes: &Bytes) -> Result<Self, WireError> {
        let WirePart { epoch, task, nonce, part, parts, body } = decode(bytes)?;
        if part >= parts {
            return Err(WireError::Damaged("a part that there can't be".to_owned()));
        }
        Ok(Self { epoch, task, nonce, part, parts, body: bytes.slice_ref(body) })
    }
}

impl Outcome {
    pub(in crate::cluster) fn encode(&self) -> Bytes {
        let SegmentResult { output, failed, ending } = &self.whole;
        let (output, ending) = (WireBatch::of(output), ending.as_ref().map(Cow::Borrowed));
        let size = output.size();
        let whole = WireSegmentResult { output, failed: failed.into(), ending };
        let (used, printed) = ((&*self.used).into(), (&*self.printed).into());
        encode(
            &WireOutcome { worker: Cow::Borrowed(&self.worker), nanos: self.nanos, whole, used, printed },
            size,
        )
    }

    pub(in crate::cluster) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let WireOutcome { worker, nanos, whole, used, printed } = decode(bytes)?;
        let WireSegmentResult { output, failed, ending } = whole;
        let (failed, ending) = (failed.into_owned(), ending.map(Cow::into_owned));
        let whole = SegmentResult { output: output.build()?, failed, ending };
        let (used, printed) = (used.into_owned(), printed.into_owned());
        Ok(Self { worker: PlainText::short(worker.into_owned()), nanos, whole, used, printed })
    }
}

/// Reads a sequence of no more elements than this, whatever its length is said to be.
fn at_most<'de, D, T, const MOST: usize>(deserializer: D) -> Result<Cow<'static, [T]>, D::Error>
where
    D: Deserializer<'de>,
    T: Clone + Deserialize<'de>,
{
    struct Elements<T, const MOST: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Elements<T, MOST> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MOST} elements")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<T>, A::Error> {
            let mut elements = Vec::new();
            while let Some(element) = sequence.next_element()? {
                if elements.len() == MOST {
                    return Err(A::Error::invalid_length(MOST + 1, &self));
                }
                elements.push(element);
            }
            Ok(elements)
        }
    }

    deserializer.deserialize_seq(Elements::<T, MOST>(PhantomData)).map(Cow::Owned)
}

/// A slice is otherwise a sequence, which is written byte by byte.
fn at_once<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// `size` is about how long it will be.
fn encode(message: &impl Serialize, size: usize) -> Bytes {
    let mut begun = Vec::with_capacity(size + 64);
    begun.push(PROTOCOL);
    let bytes = postcard::to_extend(message, begun);
    // It fails for maps and sequences of unknown length alone, which there are none of.
    bytes.unwrap_or_default().into()
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, WireError> {
    let (version, rest) = bytes.split_first().ok_or(WireError::Empty)?;
    if *version != PROTOCOL {
        return Err(WireError::Version(*version));
    }
    match postcard::take_from_bytes(rest) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err(WireError::Damaged("bytes behind its end".to_owned())),
        Err(error) => Err(WireError::Damaged(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
