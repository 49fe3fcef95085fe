//! The parts that random graphs are made of, and what they do with a list.

use std::collections::{BTreeMap, VecDeque};
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use engine::Stream;
use engine::operators::{Keep, Release};
use proptest::prelude::*;

/// A node, or a few that are one in the interpreter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Add(i64),
    Keep(i64),
    Twice,
    Sum,
    CountByKey(i64),
    Slice(u64, u64),
    Partition(usize),
    PartitionBy(usize, i64),
    PartitionUnique(usize, Keep),
    Windows(usize, bool),
    Unique(usize),
    Buffer(usize),
    Delay,
    RateLimit,
    Collect(usize),
    /// Two branches that rejoin.
    Union,
    /// With branches that hold elements.
    UnionOfGroups(usize),
    Zip,
    CombineLatest,
    ZipLatest,
    Total,
    Frequencies,
    Sample(u64),
    /// How many elements are taken until all keys come out, or none but the end; how many keys there are.
    ReduceBy(Option<u64>, i64),
    GroupBy(Option<u64>, i64),
}

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

/// A group as one number that shows order and length.
fn folded(group: Vec<i64>) -> i64 {
    group.into_iter().fold(17, |hash: i64, x| hash.wrapping_mul(31).wrapping_add(x))
}

impl Part {
    pub(super) fn build(self, stream: Stream<i64>) -> Stream<i64> {
        const SOON: Duration = Duration::from_millis(1);
        match self {
            Self::Add(k) => stream.map(move |x: i64| x.wrapping_add(k)),
            Self::Keep(k) => stream.filter(move |x: &i64| x.rem_euclid(k) != 0),
            Self::Twice => stream.flat_map(|x: i64| [x, !x]),
            Self::Sum => stream.accumulate(i64::wrapping_add),
            Self::CountByKey(k) => stream.scan_by(
                move |x: &i64| x.rem_euclid(k),
                0_i64,
                |count, x: i64| {
                    *count += 1;
                    x.wrapping_mul(*count)
                },
            ),
            Self::Slice(start, end) => stream.slice(start..end),
            Self::Partition(size) => stream.partition(n(size)).map(folded),
            Self::PartitionBy(size, k) => {
                stream.partition_by(n(size), move |x: &i64| x.rem_euclid(k)).flatten()
            }
            Self::PartitionUnique(size, keep) => {
                stream.partition_unique(n(size), |x: &i64| x.rem_euclid(7), keep).map(folded)
            }
            Self::Windows(size, true) => stream.sliding_window_partial(n(size)).map(folded),
            Self::Windows(size, false) => stream.sliding_window(n(size)).map(folded),
            Self::Unique(history) => stream.unique(n(history)),
            Self::Buffer(size) => stream.buffer(size),
            Self::Delay => stream.delay(SOON),
            Self::RateLimit => stream.rate_limit(SOON),
            Self::Collect(most) => stream.collect(n(most)).0.map(folded),
            Self::Union => {
                let other = stream.branch().map(|x: i64| x.wrapping_mul(3));
                other.union(stream.map(|x: i64| x.wrapping_sub(1)))
            }
            Self::UnionOfGroups(size) => {
                let other = stream.branch().map(|x: i64| x.wrapping_mul(3)).partition(n(size)).flatten();
                other.union(stream.partition(n(size)).flatten())
            }
            Self::Zip => {
                let other = stream.branch().map(|x: i64| x.wrapping_mul(3));
                other.zip(stream.slice(1..)).starmap(|a: i64, b: i64| a.wrapping_sub(b))
            }
            Self::CombineLatest => {
                let other = stream.branch().map(|x: i64| x.wrapping_mul(3));
                other.combine_latest(stream).starmap(|a: i64, b: i64| a.wrapping_sub(b))
            }
            Self::ZipLatest => {
                let other = stream.branch().map(|x: i64| x.wrapping_mul(3));
                other.zip_latest(stream).starmap(|a: i64, b: i64| a.wrapping_sub(b))
            }
            Self::Total => stream.scan(7_i64, |total, x: i64| {
                *total = total.wrapping_mul(3).wrapping_add(x);
                *total
            }),
            Self::Frequencies => stream.map(|x: i64| x.rem_euclid(5)).frequencies().map(counted),
            Self::Sample(size) => stream.sample(NonZeroU64::new(size).unwrap()),
            Self::ReduceBy(every, k) => stream
                .reduce_by(
                    release(every),
                    move |x: &i64| x.rem_euclid(k),
                    5_i64,
                    |state, x| *state = state.wrapping_mul(7).wrapping_add(x),
                )
                .map(|(key, state): (i64, i64)| folded(vec![key, state])),
            Self::GroupBy(every, k) => stream
                .group_by(release(every), move |x: &i64| x.rem_euclid(k))
                .map(|(key, group): (i64, Vec<i64>)| key.wrapping_add(folded(group))),
        }
    }

    /// How far one of two streams that are made of parts may be ahead of the other where they are zipped. At the end of
    /// branches that hold elements, what one of them gives may overtake the other if it has to wait.
    pub(super) fn ahead(parts: &[Vec<Self>; 2]) -> usize {
        let overtakes = parts.iter().flatten().any(|part| matches!(part, Self::UnionOfGroups(_)));
        if overtakes { 1 << 20 } else { 10 }
    }

    pub(super) fn interpret(self, list: Vec<i64>) -> Vec<i64> {
        let groups =
            |list: &[i64], size: usize| list.chunks(size).map(|group| folded(group.to_vec())).collect();
        match self {
            Self::Add(k) => list.into_iter().map(|x| x.wrapping_add(k)).collect(),
            Self::Keep(k) => list.into_iter().filter(|x| x.rem_euclid(k) != 0).collect(),
            Self::Twice => list.into_iter().flat_map(|x| [x, !x]).collect(),
            Self::Sum => list
                .into_iter()
                .scan(0_i64, |sum, x| {
                    *sum = sum.wrapping_add(x);
                    Some(*sum)
                })
                .collect(),
            Self::CountByKey(k) => {
                let mut counts = BTreeMap::<i64, i64>::new();
                let mut counted = |x: i64| {
                    let count = counts.entry(x.rem_euclid(k)).or_default();
                    *count += 1;
                    x.wrapping_mul(*count)
                };
                list.into_iter().map(&mut counted).collect()
            }
            Self::Slice(start, end) => {
                let places = (0_u64..).zip(list).filter(|(place, _)| (start..end).contains(place));
                places.map(|(_, x)| x).collect()
            }
            Self::Partition(size) | Self::Collect(size) => groups(&list, size),
            Self::PartitionBy(size, k) => by_key(&list, size, k),
            Self::PartitionUnique(size, keep) => unique_groups(&list, size, keep),
            Self::Windows(size, partial) => {
                let windows = (1..=list.len()).map(|end| &list[end.saturating_sub(size)..end]);
                let whole = windows.filter(|window| partial || window.len() == size);
                whole.map(|window| folded(window.to_vec())).collect()
            }
            Self::Unique(history) => {
                let mut seen = VecDeque::new();
                let mut new = Vec::new();
                for x in list {
                    match seen.iter().position(|known| *known == x) {
                        Some(place) => drop(seen.remove(place)),
                        None => new.push(x),
                    }
                    seen.push_back(x);
                    if seen.len() > history {
                        seen.pop_front();
                    }
                }
                new
            }
            Self::Buffer(_) | Self::Delay | Self::RateLimit => list,
            Self::Union => list.into_iter().flat_map(|x| [x.wrapping_mul(3), x.wrapping_sub(1)]).collect(),
            Self::UnionOfGroups(size) => {
                let both =
                    |group: &[i64]| [group.iter().map(|x| x.wrapping_mul(3)).collect(), group.to_vec()];
                list.chunks(size).flat_map(both).flatten().collect()
            }
            Self::Zip => list
                .iter()
                .zip(list.iter().skip(1))
                .map(|(a, b)| a.wrapping_mul(3).wrapping_sub(*b))
                .collect(),
            Self::CombineLatest => {
                let mut pairs = Vec::new();
                for (place, x) in list.iter().enumerate() {
                    // First the one branch brings its element, then the other.
                    if let Some(before) = place.checked_sub(1) {
                        pairs.push(x.wrapping_mul(3).wrapping_sub(list[before]));
                    }
                    pairs.push(x.wrapping_mul(3).wrapping_sub(*x));
                }
                pairs
            }
            Self::ZipLatest => {
                let latest = list.iter().take(1).chain(&list);
                list.iter().zip(latest).map(|(x, latest)| x.wrapping_mul(3).wrapping_sub(*latest)).collect()
            }
            Self::Total => {
                let mut total = 7_i64;
                let mut added = |x| {
                    total = total.wrapping_mul(3).wrapping_add(x);
                    total
                };
                list.into_iter().map(&mut added).collect()
            }
            Self::Frequencies => {
                let mut counts = Vec::<(i64, u64)>::new();
                let mut count = |x: i64| {
                    let x = x.rem_euclid(5);
                    match counts.iter_mut().find(|(known, _)| *known == x) {
                        Some((_, count)) => *count += 1,
                        None => counts.push((x, 1)),
                    }
                    counted(counts.clone())
                };
                list.into_iter().map(&mut count).collect()
            }
            Self::Sample(size) => {
                list.into_iter().step_by(usize::try_from(size).expect("it is small")).collect()
            }
            Self::ReduceBy(every, k) => keyed(&list, every, k)
                .into_iter()
                .map(|(key, group)| {
                    let add = |state: i64, x: i64| state.wrapping_mul(7).wrapping_add(x);
                    folded(vec![key, group.into_iter().fold(5, add)])
                })
                .collect(),
            Self::GroupBy(every, k) => {
                let groups = keyed(&list, every, k).into_iter();
                groups.map(|(key, group)| key.wrapping_add(folded(group))).collect()
            }
        }
    }
}

/// Counts as one number.
#[expect(clippy::cast_possible_wrap, reason = "they are small")]
fn counted(counts: Vec<(i64, u64)>) -> i64 {
    folded(counts.into_iter().flat_map(|(x, count)| [x, count as i64]).collect())
}

fn release(every: Option<u64>) -> Release {
    let every = every.and_then(NonZeroU64::new);
    every.map_or(Release::at_end(), |every| Release::at_end().every(every))
}

/// The elements of each key, in the order in which the keys came first, and anew after each `every` elements.
fn keyed(list: &[i64], every: Option<u64>, k: i64) -> Vec<(i64, Vec<i64>)> {
    let every = every.map_or(list.len().max(1), |every| usize::try_from(every).expect("it is small"));
    let mut all = Vec::new();
    for part in list.chunks(every) {
        let mut groups = Vec::<(i64, Vec<i64>)>::new();
        for x in part {
            let key = x.rem_euclid(k);
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, group)) => group.push(*x),
                None => groups.push((key, vec![*x])),
            }
        }
        all.extend(groups);
    }
    all
}

fn by_key(list: &[i64], size: usize, k: i64) -> Vec<i64> {
    let mut open: Vec<(i64, Vec<i64>)> = Vec::new();
    let mut groups = Vec::new();
    for x in list {
        let key = x.rem_euclid(k);
        let place = open.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            open.push((key, Vec::new()));
            open.len() - 1
        });
        open[place].1.push(*x);
        if open[place].1.len() == size {
            groups.extend(open.remove(place).1);
        }
    }
    groups.extend(open.into_iter().flat_map(|(_, group)| group));
    groups
}

fn unique_groups(list: &[i64], size: usize, keep: Keep) -> Vec<i64> {
    let (mut groups, mut group) = (Vec::new(), Vec::<i64>::new());
    for x in list {
        let twin = group.iter().position(|known| known.rem_euclid(7) == x.rem_euclid(7));
        match (twin, keep) {
            (Some(_), Keep::First) => {}
            (Some(place), Keep::Last) => {
                group.remove(place);
                group.push(*x);
            }
            (None, _) => group.push(*x),
        }
        if group.len() == size {
            groups.push(folded(std::mem::take(&mut group)));
        }
    }
    if !group.is_empty() {
        groups.push(folded(group));
    }
    groups
}

pub(super) fn parts() -> impl Strategy<Value = Vec<Part>> {
    let keep = prop_oneof![Just(Keep::First), Just(Keep::Last)];
    let part = prop_oneof![
        (-5_i64..5).prop_map(Part::Add),
        (2_i64..5).prop_map(Part::Keep),
        Just(Part::Twice),
        Just(Part::Sum),
        (1_i64..4).prop_map(Part::CountByKey),
        (0_u64..5, 0_u64..60).prop_map(|(start, end)| Part::Slice(start, end)),
        (1_usize..5).prop_map(Part::Partition),
        (1_usize..4, 1_i64..4).prop_map(|(size, k)| Part::PartitionBy(size, k)),
        (1_usize..5, keep).prop_map(|(size, keep)| Part::PartitionUnique(size, keep)),
        (1_usize..5, any::<bool>()).prop_map(|(size, partial)| Part::Windows(size, partial)),
        (1_usize..9).prop_map(Part::Unique),
        (1_usize..9).prop_map(Part::Buffer),
        Just(Part::Delay),
        Just(Part::RateLimit),
        (1_usize..9).prop_map(Part::Collect),
        Just(Part::Union),
        (1_usize..9).prop_map(Part::UnionOfGroups),
        Just(Part::Zip),
        Just(Part::CombineLatest),
        Just(Part::ZipLatest),
        Just(Part::Total),
        Just(Part::Frequencies),
        (1_u64..5).prop_map(Part::Sample),
        (prop::option::of(1_u64..9), 1_i64..5).prop_map(|(every, k)| Part::ReduceBy(every, k)),
        (prop::option::of(1_u64..9), 1_i64..5).prop_map(|(every, k)| Part::GroupBy(every, k)),
    ];
    prop::collection::vec(part, 1..7)
}
