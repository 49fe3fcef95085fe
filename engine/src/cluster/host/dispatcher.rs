//! The host's end: takes work from segments, gives it to the broker, and takes what comes back.
//!
//! One loop, which never waits for the broker itself: what is asked of it is an errand, whose answer comes back to
//! the loop.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind, PublishErrorKind};
use async_nats::jetstream::kv::{Entry, Operation, Watch};
use async_nats::jetstream::message::{Acker, PublishMessage};
use async_nats::jetstream::stream::{RawMessageError, RawMessageErrorKind};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use crate::Error;
use crate::cluster::host::executor::{Link, Owed};
use crate::cluster::host::membership::Membership;
use crate::cluster::host::registry::{self, Registry};
use crate::cluster::nats::subjects::{self, HEARTBEAT, HOST_INBOX, Subjects, WORKERS};
use crate::cluster::protocol::in_flight::{Act, InFlight};
use crate::cluster::protocol::wire::{Outcome, ResultPart, Task};
use crate::cluster::run::{Machine, Stage};
use crate::cluster::settings::Cluster;
use crate::cluster::worker::process::Presence;
use crate::deadlines::BROKER_END;
use crate::error::{ClusterError, SystemError};
use crate::executor::{Receipt, Segment, SegmentResult, Terms, Work, most_bytes, run_segment};
use crate::record::Batch;
use crate::text::PlainText;

/// The protocol looks at the time so often.
const TICK: Duration = Duration::from_millis(100);

/// A task's message has no more bytes beside its records.
const HEADER: usize = 1 << 10;

/// Of so many workers it is told that a result was refused.
const MOST_TOLD: usize = 8;

/// Of results so many bytes are on their way at once.
const PULLED: usize = 16 << 20;

/// A broker that is silent for so long is waited for, which is told. It is asked each two seconds.
const QUIET: Duration = Duration::from_secs(5);

/// A task that is out.
struct Out {
    segment: Arc<Segment>,
    /// The segment's place among the run's.
    index: u32,
    work: Work,
    /// Why what came of it last was no result.
    refusal: Option<Refusal>,
}

/// Why a result is refused.
struct Refusal {
    /// Who says that it made it.
    worker: PlainText,
    reason: String,
}

/// A segment of the run. It holds the executor, which holds this thread.
struct Known {
    segment: Weak<Segment>,
    stages: Vec<Stage>,
    /// What results are held against.
    terms: Vec<Terms>,
    /// Workers were told of it.
    told: bool,
}

/// What came of an errand.
enum Answer {
    /// The broker has a task at this sequence number, or does not take it, since it has no stream for it or for some other
    /// reason.
    Published {
        task: u64,
        attempt: u32,
        sequence: Option<u64>,
        no_stream: bool,
    },
    Looked {
        task: u64,
        attempt: u32,
        found: bool,
    },
    /// What was too large for the broker was done here.
    Here(Box<(Out, Result<SegmentResult, Error>)>),
    /// Why the run's streams can't be made again, if so.
    Made(Option<String>),
    /// Workers were told of a segment.
    Told(Result<usize, Error>),
    Beat(Result<(), Error>),
    Results(Option<Box<pull::Stream>>),
    Presences(Option<Box<Watch>>),
    Nothing,
}

/// The thread's side.
pub(in crate::cluster) struct Dispatcher {
    link: Arc<Link>,
    cluster: Cluster,
    context: Context,
    subjects: Subjects,
    epoch: u64,
    registry: Arc<Mutex<Registry>>,
    in_flight: InFlight<Acker>,
    out: HashMap<u64, Out>,
    segments: Vec<Known>,
    membership: Membership,
    /// Workers whose results were refused, which was told.
    refused: HashSet<PlainText>,
    errands: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// An errand is under way for it.
    beating: bool,
    /// Why the run's streams could not be made again, as it was told last.
    unmade: Option<String>,
    began: Instant,
    /// When the broker was heard of last.
    heard: Instant,
    /// It is silent, which was told.
    silent: bool,
}

/// Why a dispatcher ends.
type Ended = Result<(), Error>;

/// A broker that answers, before anything of the run is there.
pub(in crate::cluster) struct Connected {
    cluster: Cluster,
    name: String,
    context: Context,
}

impl Connected {
    pub(in crate::cluster) async fn to(cluster: Cluster) -> Result<Self, Error> {
        let name = cluster.run.clone().unwrap_or_else(|| format!("run-{:016x}", crate::cluster::random()));
        check_name(&name)?;
        let on_notice = cluster.on_notice.clone();
        let told = move |line: &str| on_notice.tell(line);
        let client = cluster.broker.connect(&format!("engine run {name}"), HOST_INBOX, told).await?;
        let context = subjects::context(client);
        // What is to be written is not touched before it is known that the broker is fit.
        registry::prepare(&context, &cluster).await?;
        Ok(Self { name, context, cluster })
    }
}

impl Dispatcher {
    pub(in crate::cluster) async fn begin(connected: Connected, link: Arc<Link>) -> Result<Self, Error> {
        let Connected { cluster, name, context } = connected;
        let mut registry = Registry::take_over(context.clone(), &cluster, &name).await?;
        let epoch = registry.epoch();
        if let Some(Machine { name: machine, process }) = registry.before() {
            let notice =
                format!("the run {name} was begun on {machine} (process {process}): it is taken over");
            cluster.on_notice.tell(&notice);
        }
        let subjects = Subjects::new(&name, cluster.durability);
        // What another host has left there is nobody's.
        subjects.remove(&context).await;
        let room = match subjects.make(&context, epoch, cluster.ack_wait).await {
            Ok(room) => room,
            Err(error) => {
                let _ = BROKER_END.within("the broker", registry.remove()).await;
                return Err(cluster.broker.lost(&error));
            }
        };
        let now = Instant::now();
        Ok(Self {
            link,
            cluster,
            context,
            subjects,
            epoch,
            registry: Arc::new(Mutex::new(registry)),
            in_flight: InFlight::new(epoch, room / 2),
            out: HashMap::new(),
            segments: Vec::new(),
            membership: Membership::new(&name),
            refused: HashSet::new(),
            errands: FuturesUnordered::new(),
            beating: false,
            unmade: None,
            began: now,
            heard: now,
            silent: false,
        })
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(in crate::cluster) async fn run(mut self) {
        let ended = AssertUnwindSafe(self.serve())
            .catch_unwind()
            .await
            .unwrap_or(Err(Error::System(SystemError::Panicked)));
        // Those that take up work again may drop the last of what holds this thread.
        let left = std::mem::take(&mut self.out);
        // Whoever uses what was closed is told so.
        let reason = ended.as_ref().err().cloned().unwrap_or(Error::Closed);
        let segments: Vec<_> = self.segments.iter().map(|known| known.segment.clone()).collect();
        self.link.fail(&segments, &reason);
        drop(left);
        // An errand may hold what is needed to clear up.
        self.errands.clear();
        if !matches!(ended, Err(Error::Cluster(ClusterError::TakenOver { .. }))) {
            let _ =
                BROKER_END.within("the broker", async { self.registry.lock().await.remove().await }).await;
        }
    }

    async fn serve(&mut self) -> Ended {
        let (over, link) = (self.link.over.clone(), self.link.clone());
        let (mut tick, mut beat) = (interval(TICK), interval(HEARTBEAT));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut results, mut presences) = (None, None);
        self.ask_for_results(Duration::ZERO);
        self.ask_for_presences(Duration::ZERO);
        loop {
            self.hand_out()?;
            tokio::select! {
                () = over.cancelled() => return Ok(()),
                () = link.bell.notified() => self.settle(),
                Some(answer) = self.errands.next() => match answer {
                    Answer::Results(Some(stream)) => results = Some(stream),
                    Answer::Results(None) => {
                        // Its stream was wiped, or is not there yet.
                        self.make_streams();
                        self.ask_for_results(subjects::RETRY_WAIT);
                    }
                    Answer::Presences(Some(watch)) => presences = Some(watch),
                    Answer::Presences(None) => self.ask_for_presences(subjects::RETRY_WAIT),
                    answer => self.answered(answer)?,
                },
                message = next(&mut results) => match message {
                    Some(Ok(message)) => self.result(message)?,
                    // The consumer is gone, or the broker: it is asked for again.
                    _ => {
                        results = None;
                        self.ask_for_results(Duration::ZERO);
                    }
                },
                entry = next(&mut presences) => match entry {
                    Some(Ok(entry)) => self.meet(&entry),
                    _ => {
                        presences = None;
                        self.ask_for_presences(Duration::ZERO);
                    }
                },
                _ = tick.tick() => {
                    self.let_go();
                    let acts = self.in_flight.tick(self.now());
                    self.act(acts)?;
                }
                _ = beat.tick() => self.beat(),
            }
            if self.heard.elapsed() > self.cluster.timeout {
                return Err(self.cluster.broker.gone(self.cluster.timeout));
            }
        }
    }

    /// Acknowledges results that are out.
    fn settle(&mut self) {
        for (ackers, held) in self.link.take_out() {
            self.in_flight.released(held);
            ackers.into_iter().for_each(|acker| self.release(acker));
        }
    }

    /// What nobody needs any more is acknowledged. If that is lost it comes again, and is acknowledged then.
    fn release(&self, acker: Acker) {
        let release = async move {
            let _ = acker.ack().await;
            Answer::Nothing
        };
        self.errands.push(release.boxed());
    }

    /// Asks for results as they come, after a while.
    fn ask_for_results(&self, after: Duration) {
        let (context, subjects, epoch) = (self.context.clone(), self.subjects.clone(), self.epoch);
        let ask = async move {
            tokio::time::sleep(after).await;
            let name = subjects::host_consumer(epoch);
            let consumer: Option<PullConsumer> =
                context.get_consumer_from_stream(&name, subjects.results()).await.ok();
            let Some(consumer) = consumer else { return Answer::Results(None) };
            let stream = consumer.stream().max_messages_per_batch(256).max_bytes_per_batch(PULLED);
            let stream = stream.heartbeat(Duration::from_secs(5));
            Answer::Results(stream.expires(Duration::from_secs(20)).messages().await.ok().map(Box::new))
        };
        self.errands.push(ask.boxed());
    }

    /// Asks for what workers say, after a while.
    fn ask_for_presences(&self, after: Duration) {
        let context = self.context.clone();
        let ask = async move {
            tokio::time::sleep(after).await;
            let Ok(store) = context.get_key_value(WORKERS).await else { return Answer::Presences(None) };
            Answer::Presences(store.watch_many_with_history([">"]).await.ok().map(Box::new))
        };
        self.errands.push(ask.boxed());
    }

    /// A worker says that it is there, and how much it does at once.
    fn meet(&mut self, entry: &Entry) {
        match serde_json::from_slice::<Presence>(&entry.value) {
            Ok(presence) if entry.operation == Operation::Put => self.membership.meet(&entry.key, presence),
            _ => self.membership.part(&entry.key),
        }
        self.look_at_workers();
    }

    fn look_at_workers(&mut self) {
        self.membership.look();
        self.link.set_workers(self.membership.statuses(), self.membership.width());
    }

    /// Hands out work while more may be out.
    fn hand_out(&mut self) -> Ended {
        while self.in_flight.len() < self.link.width.load(Relaxed) {
            let Some(segment) = self.link.next() else { return Ok(()) };
            let index = self.index_of(&segment);
            if !self.segments[index].told {
                // It is put back when workers know of it.
                continue;
            }
            segment.mark_unlisted();
            let Some((work, more)) = segment.take() else { continue };
            if more && segment.mark_listed() {
                let _ = self.link.enlist(segment.clone());
            }
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let out = Out { segment, index, work, refusal: None };
            if self.is_too_large(&out.work.batch) {
                self.run_here(out);
            } else {
                self.submit(out)?;
            }
        }
        Ok(())
    }

    fn submit(&mut self, out: Out) -> Ended {
        let most = most_bytes(&self.segments[out.index as usize].terms);
        let (task, act) = self.in_flight.submit(most, self.now());
        self.out.insert(task, out);
        self.act(vec![act])
    }

    /// Whether the broker takes no message as large as a task of these records, which then is a single one.
    fn is_too_large(&self, batch: &Batch) -> bool {
        let most = self.context.client().server_info().max_payload;
        // Each record has a length and maybe a number, of five bytes at most if they are near one another.
        batch.data().len() + 10 * batch.len() + HEADER > most
    }

    /// Does on this machine what can't be sent to another one.
    fn run_here(&self, out: Out) {
        let Some(executor) = self.link.home() else { return out.segment.fail(Error::Closed) };
        let (stages, batch) = (out.segment.stages.clone(), out.work.batch.clone());
        let run =
            async move { Answer::Here(Box::new((out, run_segment(&executor, &stages, batch, || ()).await))) };
        self.errands.push(run.boxed());
    }

    /// A segment's place among the run's: workers are told of a new one.
    fn index_of(&mut self, segment: &Arc<Segment>) -> usize {
        let is_it = |known: &Known| std::ptr::eq(known.segment.as_ptr(), Arc::as_ptr(segment));
        if let Some(index) = self.segments.iter().position(is_it) {
            return index;
        }
        let (segment, cores) = (Arc::downgrade(segment), segment.stages.clone());
        let stages: Vec<_> = cores.iter().map(|core| Stage::of(core)).collect();
        let is_free = |known: &Known| known.told && known.segment.strong_count() == 0;
        // Workers know it from one that is over: a program may use a pool for any number of them.
        let same = self.segments.iter().position(|known| is_free(known) && known.stages == stages);
        if let Some(index) = same {
            self.segments[index].segment = segment;
            return index;
        }
        let index = self.segments.len();
        let terms = cores.iter().map(|core| Terms::of(core)).collect();
        self.segments.push(Known { segment, stages: stages.clone(), terms, told: false });
        let registry = self.registry.clone();
        let tell = async move {
            let uploader = registry.lock().await.uploader();
            let told = async {
                uploader.upload_all(&cores).await?;
                registry.lock().await.add(index, stages, &cores).await?;
                // Somebody may have removed them who did not see yet that they are wanted.
                uploader.upload_all(&cores).await
            };
            Answer::Told(told.await.map(|()| index))
        };
        self.errands.push(tell.boxed());
        index
    }

    /// What the protocol wants to have done.
    fn act(&mut self, acts: Vec<Act<Acker>>) -> Ended {
        for act in acts {
            match act {
                Act::Publish { task, attempt } => self.publish(task, attempt),
                Act::Look { task, attempt, sequence } => self.look(task, attempt, sequence),
                Act::Release(acker) => self.release(acker),
                Act::Done { task, nonce, parts, tokens, held } => {
                    let owed = Owed { link: self.link.clone(), ackers: tokens, held };
                    self.done(task, nonce, &parts, owed)?;
                }
                Act::TooLarge { task } => self.cut(task)?,
                Act::GiveUp { task } => {
                    let out = self.out.remove(&task);
                    let record = out.as_ref().map_or(0, |out| out.work.batch.number(0));
                    return Err(match out.and_then(|out| out.refusal) {
                        Some(Refusal { worker, reason }) => Error::Cluster(ClusterError::Worker {
                            worker: worker.into(),
                            reason: format!("it sent what is no result: {reason}"),
                        }),
                        None => Error::Cluster(ClusterError::NoResult { record }),
                    });
                }
            }
        }
        Ok(())
    }

    fn publish(&self, task: u64, attempt: u32) {
        let Some(Out { index, work, .. }) = self.out.get(&task) else { return };
        let message = Task { epoch: self.epoch, task, attempt, segment: *index, batch: work.batch.clone() };
        let id = id_of(self.epoch, task, attempt);
        let (context, subject) = (self.context.clone(), self.subjects.task_subject(self.epoch));
        let publish = async move {
            let message = PublishMessage::build().payload(message.encode()).message_id(id);
            let (sequence, no_stream) = match context.send_publish(subject, message).await {
                Ok(answer) => match answer.await {
                    Ok(answer) => (Some(answer.sequence), false),
                    Err(error) => (None, error.kind() == PublishErrorKind::StreamNotFound),
                },
                Err(_) => (None, false),
            };
            Answer::Published { task, attempt, sequence, no_stream }
        };
        self.errands.push(publish.boxed());
    }

    fn look(&self, task: u64, attempt: u32, sequence: u64) {
        let (context, stream) = (self.context.clone(), self.subjects.tasks());
        let id = id_of(self.epoch, task, attempt);
        let look = async move {
            let Ok(stream) = context.get_stream_no_info(stream).await else { return Answer::Nothing };
            match stream.get_raw_message(sequence).await {
                Ok(message) => Answer::Looked { task, attempt, found: has_id(&message.headers, &id) },
                Err(error) if is_missing(&error) => Answer::Looked { task, attempt, found: false },
                Err(_) => Answer::Nothing,
            }
        };
        self.errands.push(look.boxed());
    }

    fn answered(&mut self, answer: Answer) -> Ended {
        let now = self.now();
        match answer {
            Answer::Published { task, attempt, sequence: Some(sequence), .. } => {
                self.heard = Instant::now();
                self.in_flight.published(task, attempt, sequence, now);
            }
            Answer::Published { task, attempt, sequence: None, no_stream } => {
                self.in_flight.refused(task, attempt, now);
                if no_stream {
                    self.make_streams();
                }
            }
            Answer::Looked { task, attempt, found } => {
                self.heard = Instant::now();
                self.in_flight.looked(task, attempt, found, now);
            }
            Answer::Told(told) => {
                let index = told?;
                self.heard = Instant::now();
                let known = &mut self.segments[index];
                known.told = true;
                if let Some(segment) = known.segment.upgrade() {
                    let _ = self.link.enlist(segment);
                }
            }
            Answer::Here(done) => match *done {
                (out, Ok(whole)) => out.segment.complete(out.work, whole, Receipt::new(())),
                (out, Err(error)) => out.segment.fail(error),
            },
            Answer::Beat(beat) => {
                self.beating = false;
                match beat {
                    Ok(()) => self.heard = Instant::now(),
                    Err(error @ Error::Cluster(ClusterError::TakenOver { .. })) => return Err(error),
                    // It may be back before the time is up.
                    Err(_) => {}
                }
            }
            Answer::Made(reason) => {
                if reason != self.unmade
                    && let Some(reason) = &reason
                {
                    let notice = format!("the broker does not make the run's streams again: {reason}");
                    self.cluster.on_notice.tell(&notice);
                }
                self.unmade = reason;
            }
            Answer::Results(_) | Answer::Presences(_) | Answer::Nothing => {}
        }
        Ok(())
    }

    fn make_streams(&self) {
        let (context, subjects) = (self.context.clone(), self.subjects.clone());
        let (epoch, ack_wait) = (self.epoch, self.cluster.ack_wait);
        let make = async move {
            let made = subjects.make(&context, epoch, ack_wait).await;
            // One that does not answer is waited for.
            let refused = made.err().filter(|error| {
                let known = error.downcast_ref::<CreateStreamError>().map(CreateStreamError::kind);
                matches!(known, Some(CreateStreamErrorKind::JetStream(_)))
            });
            Answer::Made(refused.map(|error| error.to_string()))
        };
        self.errands.push(make.boxed());
    }

    /// Says that this host lives, and looks at who else does.
    fn beat(&mut self) {
        self.look_at_workers();
        self.notice();
        if std::mem::replace(&mut self.beating, true) {
            return;
        }
        let (registry, done) = (self.registry.clone(), self.done_to());
        let beat = async move { Answer::Beat(registry.lock().await.beat(done).await) };
        self.errands.push(beat.boxed());
    }

    /// Says why nothing goes on, if so and once.
    fn notice(&mut self) {
        let silent = self.heard.elapsed() > QUIET;
        let notice = match (silent, self.silent) {
            (true, false) => {
                let Cluster { broker, timeout, .. } = &self.cluster;
                Some(format!(
                    "waiting for the broker at {broker}, which does not answer: {timeout:?} at most"
                ))
            }
            (true, true) => None,
            (false, _) => self.membership.notice(!self.out.is_empty()),
        };
        self.silent = silent;
        if let Some(notice) = notice {
            self.cluster.on_notice.tell(&notice);
        }
    }

    /// The number of the last record that is done, with all before it.
    fn done_to(&self) -> u64 {
        let segments = self.segments.iter().filter_map(|known| known.segment.upgrade());
        segments.map(|segment| segment.done_to()).min().unwrap_or(0)
    }

    fn result(&mut self, message: jetstream::Message) -> Ended {
        self.heard = Instant::now();
        let (message, acker) = message.split();
        let acts = match ResultPart::decode(&message.payload) {
            Ok(part) => self.in_flight.result(part, acker, self.now()),
            // It is nobody's result: were it one that is missed, it would be made again.
            Err(_) => vec![Act::Release(acker)],
        };
        self.act(acts)
    }

    /// A result is whole: it is believed if it can be what came of its task.
    fn done(&mut self, task: u64, nonce: u64, parts: &[Bytes], owed: Owed) -> Ended {
        let Some(out) = self.out.get(&task) else { return Ok(()) };
        match checked(parts, &out.work.batch, &self.segments[out.index as usize].terms) {
            Ok(outcome) => {
                let acts = self.in_flight.forget(task);
                if let Some(out) = self.out.remove(&task) {
                    self.finish(out, outcome, owed);
                }
                self.act(acts)
            }
            // Somebody else may do better.
            Err(refusal) => {
                self.refuse(task, refusal);
                let look = self.in_flight.refuse(task, nonce, self.now());
                self.act(look.into_iter().collect())
            }
        }
    }

    /// What came of a task is larger than it may be: a smaller task may have less.
    fn cut(&mut self, task: u64) -> Ended {
        let Some(out) = self.out.get(&task) else { return Ok(()) };
        let records = out.work.batch.len();
        if records == 1 {
            let reason = "a record's outputs are larger than they may be".to_owned();
            self.refuse(task, Refusal { worker: "unknown".into(), reason });
            return Ok(());
        }
        let acts = self.in_flight.forget(task);
        if let Some(Out { segment, work, .. }) = self.out.remove(&task) {
            segment.put_back(work, &[(records / 2, false), (records - records / 2, false)]);
            if segment.mark_listed() {
                let _ = self.link.enlist(segment);
            }
        }
        self.act(acts)
    }

    /// Says so the first time that a worker does it.
    fn refuse(&mut self, task: u64, refusal: Refusal) {
        let Some(out) = self.out.get_mut(&task) else { return };
        let Refusal { worker, reason } = &refusal;
        if self.refused.len() < MOST_TOLD && self.refused.insert(worker.clone()) {
            let record = out.work.batch.number(0);
            let notice = format!(
                "a result of the worker {worker} for record {record} and those behind it is refused: {reason}"
            );
            self.cluster.on_notice.tell(&notice);
        }
        out.refusal = Some(refusal);
    }

    fn finish(&mut self, out: Out, outcome: Outcome, owed: Owed) {
        let Out { segment, index, work, .. } = out;
        let Outcome { worker, nanos, whole, used, printed } = outcome;
        for (stage, line) in &printed {
            if let Some(core) = segment.stages.get(*stage) {
                core.opening.messages.show(line.as_bytes());
            }
        }
        let since = self.membership.used(&worker, index, used, segment.stages.len());
        for (stage, (core, used)) in segment.stages.iter().zip(since).enumerate() {
            let failed = whole.failed.iter().any(|failed| failed.stage == stage);
            core.note_elsewhere(&used, failed);
        }
        if let Some(stage) = segment.stages.first() {
            let (fast, slow) = self.membership.task_time();
            stage.pace.learn_between(work.batch.len(), Duration::from_nanos(nanos), fast, slow);
        }
        segment.complete(work, whole, Receipt::new(owed));
    }

    /// Forgets tasks of segments that are over.
    fn let_go(&mut self) {
        let over = self.out.iter().filter(|(_, out)| out.segment.is_over());
        for task in over.map(|(task, _)| *task).collect::<Vec<_>>() {
            self.out.remove(&task);
            for act in self.in_flight.forget(task) {
                if let Act::Release(acker) = act {
                    self.release(acker);
                }
            }
        }
    }
}

/// What came of a task, if it can be that.
fn checked(parts: &[Bytes], batch: &Batch, terms: &[Terms]) -> Result<Outcome, Refusal> {
    let outcome = match parts {
        [one] => Outcome::decode(one),
        parts => Outcome::decode(&parts.concat()),
    };
    let refusal = |worker, reason: String| Refusal { worker, reason };
    let outcome = outcome.map_err(|error| refusal("unknown".into(), error.to_string()))?;
    match outcome.whole.check(batch, terms) {
        Ok(()) => Ok(outcome),
        Err(reason) => Err(refusal(outcome.worker, reason.to_owned())),
    }
}

/// The next of what comes; nothing while it is asked for.
async fn next<S: futures_util::Stream + Unpin>(stream: &mut Option<S>) -> Option<S::Item> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}

fn id_of(epoch: u64, task: u64, attempt: u32) -> String {
    format!("{epoch}.{task}.{attempt}")
}

fn has_id(headers: &HeaderMap, id: &str) -> bool {
    headers.get(async_nats::header::NATS_MESSAGE_ID).is_some_and(|known| known.as_str() == id)
}

/// Whether the broker said that it has no such message, or no such stream.
fn is_missing(error: &RawMessageError) -> bool {
    match error.kind() {
        RawMessageErrorKind::NoMessageFound => true,
        RawMessageErrorKind::JetStream(error) => matches!(error.code(), 404),
        _ => false,
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let fine = subjects::is_name(name) && name.len() <= 64;
    fine.then_some(()).ok_or_else(|| Error::Cluster(ClusterError::RunName { name: name.to_owned() }))
}
