//! Random graphs, local and scattered, against an interpreter over lists.

use std::time::Duration;

use engine::operators::Scattered;
use engine::{Pool, Stream};
use proptest::prelude::*;

use super::part::{Part, parts};
use crate::support::{only, ran, runner};

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
