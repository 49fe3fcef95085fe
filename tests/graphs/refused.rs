//! Graphs and checkpoints that are refused before the first element.

use std::fs;
use std::num::NonZeroUsize;
use std::sync::Arc;

use engine::checkpoint::{CheckpointedGraph, ResumableRun, RunEnd};
use engine::error::GraphError;
use engine::operators::{Keeps, Operator, Outputs};
use engine::{CancellationToken, Error, Source, Stream, sinks, sources};

const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// Why a graph can't begin with checkpoints.
async fn refusal<T: Clone + Send + 'static>(build: impl FnOnce(Stream<i64>) -> Stream<T>) -> String {
    let source = Arc::new(Source::new());
    build(source.stream()).sink(|_: T| {});
    let begun = CheckpointedGraph::new().source("in", &source).begin().await.map(drop);
    assert!(matches!(begun, Err(Error::Graph(GraphError::Unsaved { .. }))), "{begun:?}");
    begun.unwrap_err().to_string()
}

/// A type that checkpoints don't know.
#[derive(Clone, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
struct Mine(i64);

#[derive(Clone)]
struct Hidden(u64);

impl Operator<i64> for Hidden {
    type Output = i64;

    fn take(&mut self, x: i64, outputs: &mut Outputs<i64>) -> Result<(), String> {
        self.0 += 1;
        outputs.give(x);
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::Unsaved("its count is not saved")
    }
}

#[tokio::test]
async fn a_node_that_cannot_be_saved_is_refused_by_name() {
    let said = refusal(|stream| stream.buffer(2).through(Hidden(0))).await;
    assert_eq!(said, "hidden (2) can't be in a checkpoint: its count is not saved");
    let said = refusal(|stream| stream.map(Mine).partition(TWO)).await;
    assert!(
        said.starts_with("partition (2) can't be in a checkpoint: it keeps values of the type "),
        "{said}"
    );
    assert!(said.contains("Mine") && said.contains("saves::<"), "{said}");
    // Where nothing is kept, any type will do.
    let source = Arc::new(Source::new());
    source.stream().map(Mine).buffer(2).sink(|_: Mine| {});
    let graph = CheckpointedGraph::new().source("in", &source);
    drop(graph.begin().await.unwrap());
}

#[tokio::test]
async fn a_type_that_is_named_is_saved() {
    let build = || {
        let (source, (sink, pairs)) = (Arc::new(Source::new()), sinks::list());
        source.stream().map(Mine).partition(TWO).sink(sink);
        (source.clone(), pairs, CheckpointedGraph::new().source("in", &source).saves::<Mine>())
    };
    let (source, _, graph) = build();
    drop(graph.begin().await.unwrap());
    source.emit(1).await.unwrap();
    let checkpoint = graph.cut().await.unwrap().checkpoint();
    let (source, pairs, graph) = build();
    graph.resume(&checkpoint).await.unwrap();
    for x in [1, 2] {
        source.emit(x).await.unwrap();
    }
    assert!(pairs.take() == [[Mine(1), Mine(2)]]);
}

#[tokio::test]
async fn a_checkpoint_of_another_graph_is_refused() {
    let graph = |build: fn(Stream<i64>) -> Stream<Vec<i64>>| {
        let source = Arc::new(Source::new());
        build(source.stream()).sink(|_: Vec<i64>| {});
        CheckpointedGraph::new().source("in", &source)
    };
    let partition = graph(|stream| stream.partition(TWO));
    let checkpoint = partition.begin().await.unwrap().checkpoint();
    let refused = graph(|stream| stream.sliding_window(TWO)).resume(&checkpoint).await.unwrap_err();
    let said = "after in, it has partition (1), where this one has sliding_window (1)";
    assert_eq!(refused.to_string(), format!("the checkpoint is of another graph: {said}"));
    let refused = graph(|stream| stream.buffer(2).partition(TWO)).resume(&checkpoint).await;
    assert!(matches!(refused, Err(Error::Graph(GraphError::OtherGraph { .. }))), "{refused:?}");
    graph(|stream| stream.partition(TWO)).resume(&checkpoint).await.unwrap();
}

/// A run over a file that stops at its second line, and one that goes on.
#[tokio::test]
async fn changed_inputs_and_outputs_are_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in"), "1\n2\n3\n").unwrap();
    let run = async || {
        let (source, stop) = (Arc::new(Source::<i64>::new()), CancellationToken::new());
        let stopped = stop.clone();
        let numbers = source.stream().map(move |x: i64| {
            if x == 2 {
                stopped.cancel();
            }
            x
        });
        numbers.sink(sinks::files(path("out")));
        let run = ResumableRun::new(path("progress")).feed("in", &source, sources::files([path("in")]));
        run.run(&stop).await
    };
    assert_eq!(run().await.unwrap(), RunEnd::Stopped);
    let written = fs::read_to_string(path("out")).unwrap();
    assert!(written.starts_with("1\n2\n"), "{written}");
    fs::write(path("out"), "9\n".repeat(written.len() / 2)).unwrap();
    let refused = run().await.unwrap_err().to_string();
    assert!(refused.contains("out is not what that run wrote"), "{refused}");
    fs::write(path("out"), &written).unwrap();
    fs::write(path("in"), "1\n2\n3\n4\n").unwrap();
    let refused = run().await.unwrap_err().to_string();
    assert!(
        refused.contains(" can't go on from the checkpoint: ") && refused.contains("in has changed since"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_can_be_read_only_once_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in"), "1\n").unwrap();
    let source = Arc::new(Source::<i64>::new());
    source.stream().sink(|_: i64| {});
    let follow = sources::files([folder.path().join("in")]).follow(true);
    let run = ResumableRun::new(folder.path().join("progress")).feed("log", &source, follow);
    let refused = run.run(&CancellationToken::new()).await.unwrap_err().to_string();
    assert!(refused.starts_with("log can't be in a checkpoint: it follows a file"), "{refused}");
    let source = Arc::new(Source::<i64>::new());
    source.stream().sink(sinks::files(folder.path().join("out")).rotate_at(100));
    let run = ResumableRun::new(folder.path().join("progress")).feed("count", &source, sources::count(1..9));
    let refused = run.run(&CancellationToken::new()).await.unwrap_err().to_string();
    assert!(refused.contains("rotated, so it can't be cut back"), "{refused}");
}
