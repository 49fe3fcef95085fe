//! Random graphs, local and scattered, against an interpreter over lists.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::time::Duration;

use engine::operators::{Keep, Scattered};
use engine::{Pool, Stream};
use proptest::prelude::*;

use crate::support::{only, ran, runner};

/// A node, or a few that are one in the interpreter.
#[derive(Clone, Copy, Debug)]
enum Part {
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
}

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

/// A group as one number that shows order and length.
fn folded(group: Vec<i64>) -> i64 {
    group.into_iter().fold(17, |hash: i64, x| hash.wrapping_mul(31).wrapping_add(x))
}

impl Part {
    fn build(self, stream: Stream<i64>) -> Stream<i64> {
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
        }
    }

    fn interpret(self, list: Vec<i64>) -> Vec<i64> {
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
        }
    }
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

fn parts() -> impl Strategy<Value = Vec<Part>> {
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
    ];
    prop::collection::vec(part, 1..7)
}

#[test]
fn random_graphs_match_the_list_interpreter() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runner(400)
        .run(&(parts(), prop::collection::vec(-20_i64..20, 0..60)), |(parts, elements)| {
            let build = |stream| parts.iter().fold(stream, |stream, part| part.build(stream));
            let (outputs, ended) = runtime().unwrap().block_on(async {
                let hour = Duration::from_secs(3600);
                tokio::time::timeout(hour, ran(elements.clone(), build)).await.expect("it hangs")
            });
            prop_assert!(ended.is_ok(), "{ended:?}");
            let expected = parts.iter().fold(elements, |list, part| part.interpret(list));
            prop_assert_eq!(outputs, expected);
            Ok(())
        })
        .unwrap();
}

/// A step of a scattered segment.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A plugin's function.
    Inc,
    /// A node that needs the order.
    InOrder(Part),
    Buffer(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let part = parts().prop_map(|parts| Step::InOrder(parts[0]));
    let step = prop_oneof![Just(Step::Inc), part, (1_usize..20).prop_map(Step::Buffer)];
    prop::collection::vec(step, 0..7)
}

#[test]
fn random_scattered_graphs_match_the_list_interpreter() {
    let pool = Pool::builder().threads(2).build().unwrap();
    let inc = only::<i64, i64>(&pool, "inc");
    let step = |scattered: Scattered<i64>, step: &Step| match *step {
        Step::Inc => scattered.map(&inc),
        Step::InOrder(part) => scattered.in_order(|stream| part.build(stream)),
        Step::Buffer(n) => scattered.buffer(n),
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build();
    runner(150)
        .run(&(steps(), prop::collection::vec(-20_i64..20, 0..40)), |(steps, elements)| {
            let build = |stream: Stream<i64>| steps.iter().fold(stream.scatter(&pool), step).gather();
            let (outputs, ended) = runtime().unwrap().block_on(async {
                let minute = Duration::from_secs(60);
                tokio::time::timeout(minute, ran(elements.clone(), build)).await.expect("it hangs")
            });
            prop_assert!(ended.is_ok(), "{ended:?}");
            let expected = steps.iter().fold(elements, |list, step| match step {
                Step::Inc => Part::Add(1).interpret(list),
                Step::InOrder(part) => part.interpret(list),
                Step::Buffer(_) => list,
            });
            prop_assert_eq!(outputs, expected);
            Ok(())
        })
        .unwrap();
}
