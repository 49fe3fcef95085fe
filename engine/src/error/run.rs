//! Errors: why a run, or the preparation of one, failed.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;

use crate::fault::Fault;
use crate::function::Kind;
use crate::record::Shape;
use crate::text::{path as shown, short};

/// Why a run failed. One record's failure is a [`Fault`].
///
/// Its `Debug` form is the text with its causes, since that is what a `main` that returns it prints.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A record's fault ended the run.
    #[error("{0}")]
    Fault(Fault),
    /// More records became faults than the policy allows.
    #[error("more faults than {limit}, the last: {fault}")]
    TooManyFaults {
        /// So many were allowed.
        limit: u64,
        /// The one that was too many.
        fault: Fault,
    },
    /// Two branches of one source come together, and one of them gives so much less that the other would wait
    /// for it, and so for itself, for ever.
    #[error(
        "{node}: its branches of one source are too far apart, so that each waits for the other: let more wait here (maxsize), or put a buffer on the branch that gives more, as large as they get apart"
    )]
    FarApart {
        /// The node.
        node: String,
    },
    /// Too many nodes follow one another.
    #[error("there are more than {most} nodes in a row: each takes a part of the stack")]
    TooManyNodes {
        /// So many may follow one another.
        most: usize,
    },
    /// The state that a run is to go on with is none that one has left.
    #[error("{function}: the state in the checkpoint is damaged: remove it to begin anew")]
    ForeignState {
        /// The function.
        function: String,
    },
    /// The source was closed before.
    #[error("the source is closed")]
    Closed,
    /// A file can't be read.
    #[error("can't read {}", shown(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A file can't be written.
    #[error("can't write {}", shown(path))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// Reading the input failed.
    #[error("can't read the input after record {record}")]
    Input {
        /// The last whole record before.
        record: u64,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A file is no checkpoint.
    #[error("{} is no checkpoint: {reason}", shown(path))]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A line of a file of dead letters is none.
    #[error("record {record} of the input is no dead letter: {reason}")]
    NotALetter {
        /// Its number.
        record: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A record of the input is larger than a batch may be.
    #[error("record {record} of the input is longer than {}", ByteSize(*limit))]
    LongRecord {
        /// Its number.
        record: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Writing the output failed.
    #[error("can't write the output")]
    Output {
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The first row of comma-separated values is no header.
    #[error("the header can't be used: {}", short(reason))]
    Header {
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern of names is none.
    #[error("{pattern:?} is no pattern of names")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A command can't be run, or written to.
    #[error("can't run {command}")]
    Command {
        /// Its first word.
        command: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A command ended in another way than well.
    #[error("{command} ended with {status}")]
    CommandFailed {
        /// Its first word.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// An address can't be listened at.
    #[error("can't listen at {address}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A connection broke.
    #[error("the connection with {address} broke")]
    Connection {
        /// The address at its other end.
        address: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A request can't be made, or has no answer.
    #[error("can't post to {url}")]
    Request {
        /// Where it goes.
        url: String,
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A text is no address of a broker.
    #[error("{address:?} is no address of a broker: {reason}")]
    BrokerAddress {
        /// The text.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A broker can't be reached, or lets nobody in.
    #[error("can't reach the broker at {address}")]
    Broker {
        /// Where it is.
        address: String,
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A broker may lose what it has acknowledged.
    #[error(
        "the broker at {address} is NATS {version}, which may lose what it has acknowledged: 2.11 or later is needed"
    )]
    OldBroker {
        /// Where it is.
        address: String,
        /// What it says it is.
        version: String,
    },
    /// A file has nothing that a broker lets anybody in by.
    #[error(
        "{} has no credentials: neither those that NATS' tools write nor the seed of an NKey",
        shown(path)
    )]
    Credentials {
        /// The file.
        path: PathBuf,
    },
    /// A file has no certificate that servers could be known by.
    #[error("{} has no certificate: it wants PEM, from BEGIN CERTIFICATE to END CERTIFICATE", shown(path))]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },

    /// A broker lets in nobody who comes so.
    #[error("the broker at {address} does not let in {who}")]
    BrokerKey {
        /// Where it is.
        address: String,
        /// With which credentials, if with any.
        who: String,
    },

    /// A broker that keeps nothing.
    #[error(
        "the broker at {address} keeps nothing for this account: it wants JetStream (nats-server --jetstream)"
    )]
    NoJetStream {
        /// Where it is.
        address: String,
    },

    /// A broker that is a single server.
    #[error("the broker at {address} is one server, which keeps work on no other one: go without replicas")]
    NoReplicas {
        /// Where it is.
        address: String,
    },

    /// A broker does not permit what has to be done there.
    #[error(
        "the broker at {address} does not permit it ({refusal}): see docs/cluster/nats.conf for what keys need"
    )]
    BrokerRefuses {
        /// Where it is.
        address: String,
        /// What it said.
        refusal: String,
    },

    /// A broker that was there can't be reached any more.
    #[error("the broker at {address} has not answered for {timeout:?}")]
    BrokerGone {
        /// Where it was.
        address: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// A broker has no such stream.
    #[error("the broker at {address} has no stream {stream}")]
    NoStream {
        /// Where it is.
        address: String,
        /// The stream's name.
        stream: String,
    },
    /// No stream of a broker takes messages of a subject.
    #[error("no stream of the broker at {address} takes the subject {subject}")]
    NoSubject {
        /// Where it is.
        address: String,
        /// The subject.
        subject: String,
    },
    /// A stream's consumer is not what it should be.
    #[error("the consumer {consumer} of the stream {stream} {}", short(reason))]
    StreamConsumer {
        /// The stream's name.
        stream: String,
        /// The consumer's.
        consumer: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A stream does not take what is published.
    #[error("can't publish to {subject}")]
    Publish {
        /// The subject.
        subject: String,
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// It can't be known when what a source gave is out, since another source's elements come where it goes.
    #[error(
        "{source_name}: what it gives is acknowledged when it is out, which nobody knows where streams of two sources come together"
    )]
    Mixed {
        /// What the source is called.
        source_name: String,
    },
    /// A name can't be that of a run.
    #[error("{name:?} is no name for a run: letters, digits, - and _, up to 64 of them")]
    RunName {
        /// The name.
        name: String,
    },
    /// Another host has begun the same run.
    #[error("the run {run} was taken over by another host: this one has ended where it was")]
    TakenOver {
        /// The run.
        run: String,
    },
    /// A worker of the cluster can't do what it is to do.
    #[error("the worker {worker} can't go on: {}", short(reason))]
    Worker {
        /// Its name.
        worker: String,
        /// What it says.
        reason: String,
    },
    /// A task was handed out again and again, and no result came.
    #[error(
        "no worker gives a result for record {record} and those behind it, which were handed out 8 times"
    )]
    NoResult {
        /// The first record of the task.
        record: u64,
    },
    /// A plugin's file is another one than when it was loaded.
    #[error("{} has changed since it was loaded: run again", shown(path))]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A text is no address of a collector.
    #[error("{address:?} is no address of a collector: {reason}")]
    CollectorAddress {
        /// The text.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Metrics and traces can't be sent.
    #[error("can't send metrics and traces to {url}")]
    Export {
        /// Where the collector is.
        url: String,
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The system has no more threads.
    #[error("can't start another thread: {limit}")]
    Thread {
        /// How many there may be, and what allows more.
        limit: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A source of the program's own failed.
    #[error("the source {name} failed")]
    Feed {
        /// What it is called.
        name: String,
        /// What it says.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A sink of the program's own failed.
    #[error("the sink {name} failed")]
    Consumer {
        /// What it is called.
        name: String,
        /// What it says.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A file is no plugin.
    #[error("{} is no plugin: {problem}", shown(path))]
    NotAPlugin {
        /// The file.
        path: PathBuf,
        /// What stands there instead.
        problem: NotAPlugin,
    },
    /// A plugin is another one than was pinned.
    #[error("{} has the BLAKE3 hash {hash}, and is pinned to {}", shown(path), short(pin))]
    WrongHash {
        /// The file.
        path: PathBuf,
        /// What its hash is.
        hash: String,
        /// What it must be.
        pin: String,
    },
    /// A plugin failed while it was asked for its functions.
    #[error("{} can't be loaded: asked for its functions, it {cause}", shown(path))]
    Describe {
        /// The plugin's file.
        path: PathBuf,
        /// What happened.
        cause: crate::Cause,
    },
    /// A plugin has no function of that name.
    #[error("{} has no function {name}{}; it has {}", shown(path), did_you_mean(nearest), some(functions))]
    UnknownFunction {
        /// The plugin's file.
        path: PathBuf,
        /// The name asked for.
        name: String,
        /// The functions that there are.
        functions: Vec<String>,
        /// The one that was probably meant.
        nearest: Option<String>,
    },
    /// A plugin has several functions, and none was named.
    #[error("{} has several functions ({}): choose one", shown(path), some(functions))]
    Ambiguous {
        /// The plugin's file.
        path: PathBuf,
        /// The functions that there are.
        functions: Vec<String>,
    },
    /// A function was used as what it is not.
    #[error("{function} is {} function and can't be used as {}", a(*kind), a(*used))]
    WrongKind {
        /// The function.
        function: String,
        /// Its kind.
        kind: Kind,
        /// What it was used as.
        used: Kind,
    },
    /// A function was scattered over a pool that did not load it.
    #[error("{function} was loaded by another pool than the one that it is scattered over")]
    OtherPool {
        /// The function.
        function: String,
    },
    /// A function takes or returns another type than the one asked for.
    #[error("{function} {side} {actual}, not {asked}")]
    WrongType {
        /// The function.
        function: String,
        /// `takes` or `returns`.
        side: &'static str,
        /// What the function says.
        actual: Shape,
        /// What was asked for.
        asked: Shape,
    },
    /// A function has no such parameter.
    #[error("{function} has no parameter {name}{}; {}", did_you_mean(nearest), it_has(parameters))]
    UnknownArgument {
        /// The function.
        function: String,
        /// The name given.
        name: String,
        /// The parameters that there are.
        parameters: Vec<String>,
        /// The one that was probably meant.
        nearest: Option<String>,
    },
    /// An argument is missing.
    #[error("{function} needs the argument {name} ({shape})")]
    MissingArgument {
        /// The function.
        function: String,
        /// The parameter.
        name: String,
        /// What it takes.
        shape: Shape,
    },
    /// The function did not accept its arguments.
    #[error("{function} can't be opened: {}", short(message))]
    Refused {
        /// The function.
        function: String,
        /// What it said.
        message: String,
    },
    /// Opening an instance of the function failed.
    #[error("{function} can't be opened: it {cause}")]
    Open {
        /// The function.
        function: String,
        /// What happened.
        cause: crate::Cause,
    },
    /// A function failed when the stream ended.
    #[error("{function} failed at the end of the stream: it {cause}")]
    Finish {
        /// The function.
        function: String,
        /// What happened.
        cause: crate::Cause,
    },
    /// A function that accumulates could not tell its state.
    #[error("{function} can't hand over its state: it {cause}")]
    State {
        /// The function.
        function: String,
        /// What happened.
        cause: crate::Cause,
    },
    /// A function that accumulates did not do with its records what it had done before.
    #[error("{function} can't be brought back to its state: given its records again, it {cause}")]
    Rebuild {
        /// The function.
        function: String,
        /// What happened.
        cause: crate::Cause,
    },
    /// A function that accumulates was scattered.
    #[error(
        "{function} accumulates, which goes record by record: gather before it, and use it as a stream's own"
    )]
    NeedsOrder {
        /// The function.
        function: String,
    },
    /// A call of a sink was given up midway, and what it did is not known.
    #[error("a call of {function} was given up midway: what it did is not known")]
    Abandoned {
        /// The function.
        function: String,
    },
    /// A function needs what it was not granted.
    #[error("{function} needs {}, which was not granted", short(&capabilities.join(", ")))]
    NotGranted {
        /// The function.
        function: String,
        /// What it needs.
        capabilities: Vec<String>,
    },
    /// Not even one instance fits into the memory that all may have together.
    #[error("an instance of {function} needs more than the {} that all together may have", ByteSize(*limit as u64))]
    NoRoom {
        /// The function.
        function: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// A worker panicked, which is a bug of the engine or of what is told the functions' messages.
    #[error("a worker of the pool panicked: this is a bug")]
    Panicked,
    /// The sandbox can't be set up on this machine.
    #[error("can't set up the sandbox: {reason}")]
    Sandbox {
        /// What wasmtime or the system says.
        reason: String,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// What a file is that should have been a plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAPlugin {
    /// A pipe, a device or the like.
    #[error("it is no file")]
    NotAFile,
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// Something else than WebAssembly.
    #[error("it is not WebAssembly (build a plugin crate with `engine build`)")]
    NotWasm,
    /// A module without the component layer.
    #[error("it is a core module, not a component (build it for the target wasm32-wasip2)")]
    CoreModule,
    /// Larger than is worth compiling.
    #[error("it has {}, more than the {} that are allowed", ByteSize(*size), ByteSize(*limit))]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Compiling it took too long.
    #[error("compiling it takes longer than {limit:?} (--compile-timeout allows more)")]
    SlowToCompile {
        /// The limit.
        limit: Duration,
    },
    /// Compiling it ended without a result, as it does when memory is short.
    #[error("compiling it needs more than {} of memory, or ends in another way without a result (--compile-memory allows more)", ByteSize(*limit as u64))]
    LargeToCompile {
        /// The limit in bytes.
        limit: usize,
    },
    /// The process that compiles could not be started or heard.
    #[error("it can't be compiled: {reason}")]
    NotCompiled {
        /// What the system says.
        reason: String,
    },
    /// Broken WebAssembly.
    #[error("it is damaged ({})", short(reason))]
    Damaged {
        /// Where, and how.
        reason: String,
    },
    /// A component that speaks another contract, or another version of it.
    #[error("it exports {found}, and this engine runs {wanted} (build it again with the SDK of this engine)")]
    OtherContract {
        /// What it exports.
        found: String,
        /// What is needed.
        wanted: &'static str,
    },
    /// A component that needs what no plugin is given.
    #[error("it does not fit the contract ({})", short(reason))]
    Misfit {
        /// What does not fit.
        reason: String,
    },
    /// Two functions have one name.
    #[error("it has two functions named {name}")]
    TwiceNamed {
        /// The name.
        name: String,
    },
    /// A function or a parameter has a name that can't be typed, or shown.
    #[error("it names something {name:?} (names are a letter or _, then letters, digits, _ or -)")]
    BadName {
        /// The name.
        name: String,
    },
    /// It has no function.
    #[error("it has no functions (mark one with #[map], #[filter], #[flat_map], #[accumulate] or #[sink])")]
    NoFunctions,
    /// It has more functions than a plugin may, or one of them more parameters.
    #[error("it has {count} functions, or parameters of one, and there may be {limit}")]
    TooManyNames {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
}

/// `a map`, `an accumulate`.
impl Error {
    /// Whether the reader of an output went away, as `head` does: it has what it wanted.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        let (Self::Output { source } | Self::Write { source, .. }) = self else { return false };
        source.kind() == io::ErrorKind::BrokenPipe
    }
}

fn a(kind: Kind) -> String {
    let article = if kind == Kind::Accumulate { "an" } else { "a" };
    format!("{article} {kind}")
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!(" (did you mean {name}?)"))
}

fn it_has(parameters: &[String]) -> String {
    match parameters {
        [] => "it takes no arguments".to_owned(),
        names => format!("it has {}", some(names)),
    }
}

/// Names, or the first of them: a guest may have any number.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The name among `names` that is close enough to `name` to have been meant.
pub(crate) fn nearest_of<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let distances = names.into_iter().map(|other| (strsim::damerau_levenshtein(name, other), other));
    let close = distances.filter(|(distance, other)| *distance <= (other.len() / 3).max(1));
    close.min_by_key(|(distance, _)| *distance).map(|(_, name)| name.to_owned())
}
