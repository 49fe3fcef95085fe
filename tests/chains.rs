//! Long chains: each node calls the next one, so their number is bounded.

use std::num::NonZeroUsize;
use std::time::Duration;

use engine::error::GraphError;
use engine::operators::Keep;
use engine::{Error, FaultPolicy, Monitor, Pool, Source, Stream, sinks, sources};

use crate::support::{engine, fed, only};

/// The default stack size of a thread.
const STACK: usize = 2 << 20;

/// One node or more that leave elements unchanged.
type Link = Box<dyn Fn(Stream<i64>) -> Stream<i64> + Send>;

fn links() -> Vec<(&'static str, Link)> {
    let one = NonZeroUsize::MIN;
    vec![
        ("map", Box::new(|stream| stream.map(|x: i64| x))),
        ("filter", Box::new(|stream| stream.filter(|_: &i64| true))),
        ("flat_map", Box::new(|stream| stream.flat_map(|x: i64| [x]))),
        ("try_map", Box::new(|stream| stream.try_map(Ok::<i64, String>, &FaultPolicy::skip()))),
        ("scan", Box::new(|stream| stream.scan(0, |_: &mut i32, x: i64| x))),
        ("unique", Box::new(move |stream| stream.unique(NonZeroUsize::new(9).unwrap()))),
        ("slice", Box::new(|stream| stream.slice(0..))),
        ("sample", Box::new(|stream| stream.sample(std::num::NonZeroU64::MIN))),
        ("partition", Box::new(move |stream| stream.partition(one).flat_map(|group: Vec<i64>| group))),
        (
            "partition_unique",
            Box::new(move |stream| {
                stream.partition_unique(one, |x: &i64| *x, Keep::First).flat_map(|group: Vec<i64>| group)
            }),
        ),
        (
            "sliding_window",
            Box::new(move |stream| stream.sliding_window(one).flat_map(|window: Vec<i64>| window)),
        ),
        ("buffer", Box::new(|stream| stream.buffer(4))),
        ("delay", Box::new(|stream| stream.delay(Duration::ZERO))),
        ("rate_limit", Box::new(|stream| stream.rate_limit(Duration::from_nanos(1)))),
    ]
}

/// Emits some elements into a chain of this many links.
async fn through(source: Source<i64>, links: usize, link: &Link) -> (Vec<i64>, Result<(), Error>) {
    let (sink, seen) = sinks::list();
    let mut stream = source.stream();
    for _ in 0..links {
        stream = link(stream);
    }
    stream.sink(sink);
    let mut ended = Ok(());
    for x in 1..=3 {
        ended = ended.and(source.emit(x).await);
    }
    let ended = source.close().await.and(ended);
    (seen.take(), ended)
}

/// Runs something on a thread with the usual stack.
fn on_a_thread(work: impl AsyncFnOnce() + Send + 'static) {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work());
    };
    std::thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}

/// The maximum number of links, found by the result of the first emit.
async fn most(link: &Link) -> usize {
    let (mut right, mut wrong) = (0, 300);
    while wrong - right > 1 {
        let middle = usize::midpoint(right, wrong);
        let source = Source::new();
        (0..middle).fold(source.stream(), |stream, _| link(stream)).sink(|_: i64| {});
        match source.close().await {
            Ok(()) => right = middle,
            Err(Error::Graph(GraphError::TooManyNodes { .. })) => wrong = middle,
            Err(error) => panic!("{error}"),
        }
    }
    right
}

#[test]
fn the_longest_chain_of_each_operator_fits_the_stack() {
    for (name, link) in links() {
        on_a_thread(async move || {
            let most = most(&link).await;
            println!("{name}: {most}");
            assert!(most >= 30, "{name}: {most}");
            assert_eq!(through(Source::new(), most, &link).await.0, [1, 2, 3], "{name}");
            let watched = Source::new().monitored(&Monitor::new());
            assert_eq!(through(watched, most, &link).await.0, [1, 2, 3], "{name}, watched");
        });
    }
}

#[test]
fn a_chain_of_any_excess_length_is_an_error() {
    on_a_thread(async || {
        for (name, link) in links() {
            let (outputs, ended) = through(Source::new(), 5_000, &link).await;
            assert!(matches!(ended, Err(Error::Graph(GraphError::TooManyNodes { .. }))), "{name}: {ended:?}");
            assert_eq!(outputs, [0; 0], "{name}");
        }
    });
}

#[test]
fn a_long_chain_that_never_runs_or_fails_drops_without_overflow() {
    on_a_thread(async || {
        for (name, link) in links() {
            let most = most(&link).await;
            let build = |source: &Source<i64>| (0..most).fold(source.stream(), |stream, _| link(stream));
            // Without a run.
            drop(build(&Source::new()));
            let source = Source::new();
            let failing = |x: i64| if x == 2 { Err("two") } else { Ok(x) };
            build(&source).sink(|_: i64| {});
            // One node fewer, to leave room for another one.
            let source = Source::new();
            let chain = (1..most).fold(source.stream(), |stream, _| link(stream));
            chain.try_map(failing, &FaultPolicy::stop()).sink(|_: i64| {});
            let mut ended = Ok(());
            for x in 1..=3 {
                ended = ended.and(source.emit(x).await);
            }
            let ended = source.close().await.and(ended);
            assert!(matches!(ended, Err(Error::Fault(_))), "{name}: {ended:?}");
        }
    });
}

#[test]
fn the_longest_chain_of_functions_fits_the_stack() {
    on_a_thread(async || {
        let pool = Pool::builder().threads(1).build().unwrap();
        let redact = only::<i64, i64>(&pool, "inc");
        let function = redact.clone();
        let links: Vec<(&str, Link)> = vec![
            ("function", Box::new(move |stream| stream.apply(&function).map(|x: i64| x - 1))),
            (
                "scatter",
                Box::new(move |stream| {
                    stream.scatter(&pool).apply(&redact).buffer(4).gather().map(|x: i64| x - 1)
                }),
            ),
        ];
        for (name, link) in links {
            let most = most(&link).await;
            assert!(most >= 14, "{name}: {most}");
            assert_eq!(through(Source::new(), most, &link).await.0, [1, 2, 3], "{name}");
        }
    });
}

/// A pipeline with this many nodes in a row.
fn pipeline(nodes: usize, node: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "[sources.lines]\ntype = 'files'\npath = 'in'\nformat = 'json'\n".to_owned();
    let mut before = "lines".to_owned();
    for number in 0..nodes {
        text += &format!("[stages.s{number}]\nfrom = '{before}'\n{node}\n");
        before = format!("s{number}");
    }
    text += &format!("[sinks.out]\ntype = 'file'\npath = 'out'\nfrom = '{before}'\n");
    std::fs::write(folder.path().join("pipeline.toml"), text).unwrap();
    std::fs::write(folder.path().join("in"), "[1]\n[2]\n").unwrap();
    folder
}

#[test]
fn every_command_rejects_a_chain_of_ten_thousand_nodes() {
    let folder = pipeline(10_000, "type = 'slice'\nstart = 0");
    let path = folder.path().join("pipeline.toml");
    for command in ["check", "run", "graph"] {
        let did = fed(engine([command.as_ref(), path.as_os_str()]), "");
        assert_eq!(did.code, Some(2), "{command}: {}", did.stderr);
        let told: Vec<_> =
            did.stderr.lines().filter(|line| line.contains("too many nodes in a row")).collect();
        assert_eq!(told.len(), 1, "{command}: {}", did.stderr);
    }
    assert!(!folder.path().join("out").exists());
}

#[test]
fn the_longest_allowed_pipeline_is_checked_drawn_and_run() {
    for (nodes, node) in [
        (90, "type = 'slice'\nstart = 0"),
        (24, "type = 'partition'\nn = 1"),
        (90, "type = 'buffer'\nn = 4"),
        (90, "type = 'unique'\nmaxsize = 9"),
    ] {
        let folder = pipeline(nodes, node);
        let path = folder.path().join("pipeline.toml");
        for command in ["check", "graph", "run"] {
            let did = fed(engine([command.as_ref(), path.as_os_str()]), "");
            assert_eq!(did.code, Some(0), "{command} {node}: {}", did.stderr);
        }
        let out = std::fs::read_to_string(folder.path().join("out")).unwrap();
        assert_eq!(out.lines().count(), 2, "{node}: {out}");
    }
}

/// How often two branches rejoin: if each doubled anything, it would never end.
const DIAMONDS: usize = 48;

#[tokio::test]
async fn branches_that_rejoin_repeatedly_stay_linear() {
    for monitor in [None, Some(Monitor::new())] {
        let mut source = Source::new();
        if let Some(monitor) = &monitor {
            source = source.monitored(monitor);
        }
        let (sink, seen) = sinks::list();
        let mut stream: Stream<Vec<u8>> = source.stream();
        for _ in 0..DIAMONDS {
            stream = stream.branch().zip(stream).map(|(line, _)| line);
        }
        stream.sink(sink);
        sources::lines(&b"1\n2\n"[..]).emit_into(&source).await.unwrap();
        source.close().await.unwrap();
        assert_eq!(seen.take(), [b"1", b"2"]);
    }
}
