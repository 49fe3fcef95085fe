//! Random graphs that are cut at a random moment, go on for a while, crash, and are resumed.

use std::fs;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::checkpoint::{CheckpointedGraph, GraphCheckpoint};
use engine::operators::Scattered;
use engine::{FaultPolicy, Pool, Source, Stream, sinks};
use proptest::prelude::*;
use tokio::sync::Notify;

use super::part::{Part, parts};
use crate::support::{misbehaving, only, runner};

/// A graph of two sources whose elements are paired at the end, and one of which also has a sink of its own.
struct Graph {
    sources: [Arc<Source<i64>>; 2],
    whole: CheckpointedGraph,
}

fn build(parts: &[Vec<Part>; 2], folder: &Path) -> Graph {
    let sources = [(); 2].map(|()| Arc::new(Source::new()));
    let build = |place: usize| {
        parts[place].iter().fold(sources[place].stream(), |stream: Stream<i64>, part| part.build(stream))
    };
    let (one, other) = (build(0), build(1));
    one.branch().map(|x: i64| !x).sink(sinks::files(folder.join("one")));
    one.zip_ahead(other, Part::ahead(parts))
        .starmap(|a: i64, b: i64| a.wrapping_mul(31).wrapping_add(b))
        .sink(sinks::files(folder.join("both")));
    let whole = CheckpointedGraph::new().source("one", &sources[0]).source("other", &sources[1]);
    Graph { sources, whole }
}

fn expected(parts: &[Vec<Part>; 2], lists: &[Vec<i64>; 2]) -> [String; 2] {
    let interpret =
        |place: usize| parts[place].iter().fold(lists[place].clone(), |list, part| part.interpret(list));
    let lines = |list: Vec<i64>| list.into_iter().map(|x| format!("{x}\n")).collect::<String>();
    let (one, other) = (interpret(0), interpret(1));
    let both = one.iter().zip(other).map(|(a, b)| a.wrapping_mul(31).wrapping_add(b)).collect();
    [lines(one.into_iter().map(|x| !x).collect()), lines(both)]
}

/// Emits a list, and tells when its element at a place was emitted.
async fn emit(source: &Source<i64>, list: &[i64], at: usize, reached: &Notify) {
    for (place, x) in list.iter().enumerate() {
        if place == at {
            reached.notify_one();
        }
        source.emit(*x).await.unwrap();
    }
    reached.notify_one();
}

/// Emits both lists until one of them is at a place, takes a checkpoint while they go on, and crashes a little later.
async fn crash(graph: &Graph, lists: &[Vec<i64>; 2], at: usize, more: usize, saved: &Path) {
    let reached = Notify::new();
    let emit = async |place: usize| {
        emit(&graph.sources[place], &lists[place], at, &reached).await;
        pending::<()>().await;
    };
    let cut = async {
        reached.notified().await;
        let checkpoint = graph.whole.cut().await.unwrap().checkpoint();
        checkpoint.blocking_save(saved).unwrap();
        for _ in 0..more {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = cut => {}
        () = emit(0) => {}
        () = emit(1) => {}
    }
}

/// Emits both lists and ends.
async fn finish(graph: &Graph, lists: &[Vec<i64>; 2]) {
    let all = async |place: usize| {
        for x in &lists[place] {
            graph.sources[place].emit(*x).await.unwrap();
        }
        graph.sources[place].close().await.unwrap();
    };
    tokio::join!(all(0), all(1));
}

/// A runtime in which time passes at once when nothing else does. All tasks end with it, as in a crash.
fn in_runtime(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let hour = Duration::from_secs(3600);
    runtime.unwrap().block_on(async { tokio::time::timeout(hour, work).await.expect("it hangs") });
}

#[test]
fn random_graphs_resume_from_any_cut() {
    let lists = || prop::collection::vec(-20_i64..20, 0..60);
    let input = ((parts(), parts()), (lists(), lists()), (0_usize..60, 0_usize..200));
    runner(300)
        .run(&input, |(parts, lists, (at, more))| {
            let (parts, lists) = ([parts.0, parts.1], [lists.0, lists.1]);
            let folder = tempfile::tempdir().unwrap();
            let saved = folder.path().join("checkpoint");
            in_runtime(async {
                let graph = build(&parts, folder.path());
                drop(graph.whole.begin().await.unwrap());
                crash(&graph, &lists, at, more, &saved).await;
            });
            in_runtime(async {
                let graph = build(&parts, folder.path());
                let checkpoint = GraphCheckpoint::blocking_load(&saved).unwrap().unwrap();
                graph.whole.resume(&checkpoint).await.unwrap();
                // What was emitted is skipped.
                finish(&graph, &lists).await;
            });
            let written = ["one", "both"].map(|name| fs::read_to_string(folder.path().join(name)).unwrap());
            prop_assert_eq!(written, expected(&parts, &lists));
            Ok(())
        })
        .unwrap();
}

/// A scattered graph with a function that accumulates.
#[derive(Clone, Copy, Debug)]
enum Step {
    Inc,
    Product,
    InOrder(Part),
    Buffer(usize),
}

/// A zero is a fault, which leaves the product as it was.
fn products(list: Vec<i64>) -> Vec<i64> {
    let mut product = 1_i64;
    let mut multiplied = |x| {
        product = product.wrapping_mul(x);
        product
    };
    list.into_iter().filter(|x| *x != 0).map(&mut multiplied).collect()
}

#[test]
fn random_scattered_graphs_resume_from_any_cut() {
    let pool = Pool::builder().threads(2).build().unwrap();
    let inc = only::<i64, i64>(&pool, "inc");
    let product = misbehaving::<i64, i64>(&pool, "product").on_fault(&FaultPolicy::skip());
    let part = parts().prop_map(|parts| Step::InOrder(parts[0]));
    let step = prop_oneof![Just(Step::Inc), Just(Step::Product), part, (1_usize..20).prop_map(Step::Buffer)];
    let input = (prop::collection::vec(step, 0..7), prop::collection::vec(-20_i64..20, 0..40), 0_usize..40);
    let build = |steps: &[Step], out: &Path| {
        let source = Arc::new(Source::new());
        let step = |scattered: Scattered<i64>, step: &Step| match *step {
            Step::Inc => scattered.map(&inc),
            Step::Product => scattered.accumulate(&product),
            Step::InOrder(part) => scattered.in_order(|stream| part.build(stream)),
            Step::Buffer(n) => scattered.buffer(n),
        };
        let scattered = steps.iter().fold(source.stream().scatter(&pool), step);
        scattered.gather().sink(sinks::files(out));
        let whole = CheckpointedGraph::new().source("in", &source);
        (source, whole)
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runner(60)
        .run(&input, |(steps, elements, at)| {
            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().join("out");
            let at = at.min(elements.len());
            let checkpoint = runtime().block_on(async {
                let (source, whole) = build(&steps, &out);
                drop(whole.begin().await.unwrap());
                for x in &elements[..at] {
                    source.emit(*x).await.unwrap();
                }
                let checkpoint = whole.cut().await.unwrap().checkpoint();
                for x in &elements[at..] {
                    source.emit(*x).await.unwrap();
                }
                checkpoint
            });
            runtime().block_on(async {
                let (source, whole) = build(&steps, &out);
                whole.resume(&checkpoint).await.unwrap();
                for x in &elements {
                    source.emit(*x).await.unwrap();
                }
                source.close().await.unwrap();
            });
            let expected = steps.iter().fold(elements, |list, step| match step {
                Step::Inc => Part::Add(1).interpret(list),
                Step::Product => products(list),
                Step::InOrder(part) => part.interpret(list),
                Step::Buffer(_) => list,
            });
            let expected: String = expected.into_iter().map(|x| format!("{x}\n")).collect();
            prop_assert_eq!(fs::read_to_string(&out).unwrap(), expected);
            Ok(())
        })
        .unwrap();
}

/// A graph whose first element passes at once, and the second after a minute.
fn slow() -> (Arc<Source<i64>>, sinks::List<i64>, CheckpointedGraph) {
    let (source, (sink, list)) = (Arc::new(Source::new()), sinks::list());
    source.stream().rate_limit(Duration::from_secs(60)).sink(sink);
    let graph = CheckpointedGraph::new().source("source", &source);
    (source, list, graph)
}

#[test]
fn an_emit_that_is_dropped_is_not_skipped_by_the_run_that_continues() {
    // The element is emitted once more, or the program goes on after it.
    for (again, noted) in [(true, false), (false, true), (false, false)] {
        let checkpoint = std::sync::Mutex::new(None);
        in_runtime(async {
            let (source, _, graph) = slow();
            graph.begin().await.unwrap();
            source.emit(1).await.unwrap();
            let dropped = tokio::time::timeout(Duration::from_secs(1), source.emit(2)).await;
            assert!(dropped.is_err(), "it waits");
            assert_eq!(source.last_number(), 2, "it has taken its number");
            if again {
                source.emit(2).await.unwrap();
            }
            if noted {
                source.mark(&2);
            }
            *checkpoint.lock().unwrap() = Some(graph.cut().await.unwrap().checkpoint());
        });
        in_runtime(async {
            let (source, list, graph) = slow();
            let checkpoint = checkpoint.lock().unwrap().take().unwrap();
            graph.resume(&checkpoint).await.unwrap();
            for x in if noted { 3..=4 } else { 1..=4 } {
                source.emit(x).await.unwrap();
            }
            let begins = if again || noted { 3 } else { 2 };
            assert_eq!(list.take(), (begins..=4).collect::<Vec<_>>(), "{again} {noted}");
        });
    }
}
