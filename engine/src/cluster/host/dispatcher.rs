//! Takes work from segments, hands it to the broker as tasks, and takes their results.
//!
//! It is one loop, which never waits for the broker itself: each question is an [errand](Errands), whose answer comes
//! back to the loop.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use super::errands::{Answer, Errands};
use super::in_flight_task::{CompleteResult, InFlightTask};
use super::link::{Acknowledgements, Link};
use super::membership::Membership;
use super::notices::Notices;
use super::registry::Registry;
use super::segments::KnownSegments;
use crate::Error;
use crate::cluster::presence::HEARTBEAT;
use crate::cluster::protocol::in_flight::{Act, InFlight};
use crate::cluster::protocol::wire::ResultPart;
use crate::cluster::settings::Cluster;
use crate::cluster::transport::{
    Change, Delivery, Published, RETRY_WAIT, Receipt, Transport, TransportError,
};
use crate::deadlines::BROKER_END;
use crate::error::{ClusterError, SystemError};
use crate::executor::Receipt as Finished;

/// How often the protocol looks at the time.
const TICK: Duration = Duration::from_millis(100);

/// After this time without an answer, the run reports that it waits for the broker. The broker is asked every two
/// seconds.
const QUIET: Duration = Duration::from_secs(5);

/// Hands out the work of one run.
pub(super) struct Dispatcher {
    pub(super) link: Arc<Link>,
    cluster: Cluster,
    pub(super) transport: Arc<dyn Transport>,
    registry: Arc<Mutex<Registry>>,
    pub(super) errands: Errands,
    pub(super) epoch: u64,
    pub(super) in_flight: InFlight<Arc<dyn Receipt>>,
    /// What is in flight, by the protocol's numbers.
    pub(super) tasks: HashMap<u64, InFlightTask>,
    pub(super) segments: KnownSegments,
    pub(super) membership: Membership,
    pub(super) notices: Notices,
    /// An errand says that this host lives.
    beating: bool,
    began: Instant,
    /// When the broker answered last.
    heard: Instant,
}

/// Whether the dispatcher goes on, and if not, why.
pub(super) type Ended = Result<(), Error>;

impl Dispatcher {
    /// Makes this host the one that has the run, and makes the run's queues.
    pub(super) async fn begin(
        transport: Arc<dyn Transport>,
        cluster: Cluster,
        run: &str,
        link: Arc<Link>,
    ) -> Result<Self, Error> {
        let notices = Notices::new(cluster.on_notice.clone());
        let mut registry = Registry::take_over(transport.clone(), &cluster, run).await?;
        let epoch = registry.epoch();
        if let Some(before) = registry.before() {
            notices.taken_over(run, &before);
        }
        let queues = transport.queues(run);
        // What another host has left there is of no use.
        queues.remove().await;
        let room = match queues.make(epoch, cluster.ack_wait).await {
            Ok(room) => room,
            Err(error) => {
                let _ = BROKER_END.within("the broker", registry.remove()).await;
                return Err(transport.failed(&error));
            }
        };
        let registry = Arc::new(Mutex::new(registry));
        let now = Instant::now();
        Ok(Self {
            link,
            cluster,
            errands: Errands::new(transport.clone(), queues, registry.clone(), epoch),
            transport,
            registry,
            epoch,
            in_flight: InFlight::new(epoch, room / 2),
            tasks: HashMap::new(),
            segments: KnownSegments::default(),
            membership: Membership::new(run),
            notices,
            beating: false,
            began: now,
            heard: now,
        })
    }

    /// Works until the run is closed or fails, and clears up.
    pub(super) async fn run(mut self) {
        let ended = AssertUnwindSafe(self.serve())
            .catch_unwind()
            .await
            .unwrap_or(Err(Error::System(SystemError::Panicked)));
        // The segments that take up work again may drop the last of what holds this thread.
        let left = std::mem::take(&mut self.tasks);
        // Whatever uses the run after its end gets an error that says so.
        let reason = ended.as_ref().err().cloned().unwrap_or(Error::Closed);
        self.link.fail(&self.segments.all(), &reason);
        drop(left);
        // An errand may hold what is needed to clear up.
        self.errands.clear();
        if !matches!(ended, Err(Error::Cluster(ClusterError::TakenOver { .. }))) {
            let clear_up = async { self.registry.lock().await.remove().await };
            let _ = BROKER_END.within("the broker", clear_up).await;
        }
    }

    async fn serve(&mut self) -> Ended {
        let (over, link) = (self.link.over.clone(), self.link.clone());
        let (mut tick, mut beat) = (interval(TICK), interval(HEARTBEAT));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut results, mut presences) = (None, None);
        self.errands.ask_for_results(Duration::ZERO);
        self.errands.ask_for_presences(Duration::ZERO);
        loop {
            self.hand_out()?;
            tokio::select! {
                () = over.cancelled() => return Ok(()),
                () = link.bell.notified() => self.acknowledge(),
                Some(answer) = self.errands.next() => match answer {
                    Answer::Results(stream) => results = self.subscribed(stream),
                    Answer::Presences(stream) => {
                        if stream.is_none() {
                            self.errands.ask_for_presences(RETRY_WAIT);
                        }
                        presences = stream;
                    }
                    answer => self.answered(answer)?,
                },
                delivery = next(&mut results) => match delivery {
                    Some(Ok(delivery)) => self.result(delivery)?,
                    // The queue is gone, or the broker.
                    _ => {
                        results = None;
                        self.errands.ask_for_results(Duration::ZERO);
                    }
                },
                change = next(&mut presences) => match change {
                    Some(Ok(change)) => self.meet(change),
                    _ => {
                        presences = None;
                        self.errands.ask_for_presences(Duration::ZERO);
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
                return Err(self.transport.silent(self.cluster.timeout));
            }
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A subscription to results, if it was made; else the queues are made again.
    fn subscribed<S>(&self, results: Option<S>) -> Option<S> {
        if results.is_none() {
            self.errands.make_queues(self.cluster.ack_wait);
            self.errands.ask_for_results(RETRY_WAIT);
        }
        results
    }

    /// Acknowledges results that are out.
    fn acknowledge(&mut self) {
        for Acknowledgements { receipts, bytes } in self.link.take_due() {
            self.in_flight.released(bytes);
            receipts.into_iter().for_each(|receipt| self.errands.acknowledge(receipt));
        }
    }

    /// A worker says what it does, or that it leaves.
    fn meet(&mut self, (worker, presence): Change) {
        let presence = presence.and_then(|presence| serde_json::from_slice(&presence).ok());
        match presence {
            Some(presence) => self.membership.meet(&worker, presence),
            None => self.membership.part(&worker),
        }
        self.look_at_workers();
    }

    fn look_at_workers(&mut self) {
        self.membership.look();
        self.link.set_workers(self.membership.statuses(), self.membership.most_tasks());
    }

    /// Does what the protocol wants to have done.
    pub(super) fn act(&mut self, acts: Vec<Act<Arc<dyn Receipt>>>) -> Ended {
        for act in acts {
            match act {
                Act::Publish { task, attempt } => self.publish(task, attempt),
                Act::Look { task, attempt, sequence } => self.errands.look(task, attempt, sequence),
                Act::Release(receipt) => self.errands.acknowledge(receipt),
                Act::Done { task, nonce, parts, tokens: receipts, held } => {
                    self.done(CompleteResult { task, nonce, parts, receipts, held })?;
                }
                Act::TooLarge { task } => self.cut(task)?,
                Act::GiveUp { task } => {
                    let unknown = Error::Cluster(ClusterError::NoResult { record: 0 });
                    return Err(self.tasks.remove(&task).map_or(unknown, InFlightTask::given_up));
                }
            }
        }
        Ok(())
    }

    fn answered(&mut self, answer: Answer) -> Ended {
        match answer {
            Answer::Published { task, attempt, published } => self.published(task, attempt, published),
            Answer::Looked { task, attempt, found } => {
                self.heard = Instant::now();
                self.in_flight.looked(task, attempt, found, self.now());
            }
            Answer::Told(told) => {
                let index = told?;
                self.heard = Instant::now();
                if let Some(segment) = self.segments.note_told(index) {
                    let _ = self.link.enlist(segment);
                }
            }
            Answer::Here(done) => match *done {
                (task, Ok(whole)) => task.segment.complete(task.work, whole, Finished::new(())),
                (task, Err(error)) => task.segment.fail(error),
            },
            Answer::Beat(beat) => {
                self.beating = false;
                match beat {
                    Ok(()) => self.heard = Instant::now(),
                    Err(error @ Error::Cluster(ClusterError::TakenOver { .. })) => return Err(error),
                    // The broker may be back before the time is up.
                    Err(_) => {}
                }
            }
            // A broker that does not answer is waited for.
            Answer::Made(made) => self.notices.not_made(match made {
                Err(TransportError::Refused(reason)) => Some(reason),
                _ => None,
            }),
            Answer::Results(_) | Answer::Presences(_) | Answer::Nothing => {}
        }
        Ok(())
    }

    fn published(&mut self, task: u64, attempt: u32, published: Published) {
        let now = self.now();
        match published {
            Published::At(sequence) => {
                self.heard = Instant::now();
                self.in_flight.published(task, attempt, sequence, now);
            }
            Published::NoQueue => {
                self.in_flight.refused(task, attempt, now);
                self.errands.make_queues(self.cluster.ack_wait);
            }
            Published::Refused => self.in_flight.refused(task, attempt, now),
        }
    }

    /// Says that this host lives, and looks at what else does.
    fn beat(&mut self) {
        self.look_at_workers();
        self.notice();
        if !std::mem::replace(&mut self.beating, true) {
            self.errands.beat(self.segments.done_to());
        }
    }

    /// Says why nothing goes on, if so.
    fn notice(&mut self) {
        if self.heard.elapsed() > QUIET {
            self.notices.silent(&self.transport.address(), self.cluster.timeout);
        } else {
            let waiting = self.membership.notice(!self.tasks.is_empty());
            self.notices.answers(waiting);
        }
    }

    fn result(&mut self, delivery: Delivery) -> Ended {
        self.heard = Instant::now();
        let Delivery { payload, receipt, .. } = delivery;
        let acts = match ResultPart::decode(&payload) {
            Ok(part) => self.in_flight.result(part, receipt, self.now()),
            // It is no result: were it one that is missed, it would be made again.
            Err(_) => vec![Act::Release(receipt)],
        };
        self.act(acts)
    }

    /// Forgets tasks of segments that are over.
    fn let_go(&mut self) {
        let over = self.tasks.iter().filter(|(_, task)| task.segment.is_over());
        for task in over.map(|(task, _)| *task).collect::<Vec<_>>() {
            self.tasks.remove(&task);
            for act in self.in_flight.forget(task) {
                if let Act::Release(receipt) = act {
                    self.errands.acknowledge(receipt);
                }
            }
        }
    }
}

/// The next of what comes; nothing while there is no subscription.
async fn next<S: futures_util::Stream + Unpin>(stream: &mut Option<S>) -> Option<S::Item> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}
