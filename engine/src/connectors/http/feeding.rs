//! Feeds a source with what clients post, and keeps their connections until they are answered.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::answers::{Answering, Outcome, Ticket, tell};
use super::requests::{Handler, Posted, RequestRules, take};
use super::source::{Http, Respond};
use crate::connections::{self, ConnectionLimit, ListenAddress};
use crate::deadlines::{REQUEST, STOPPED};
use crate::graph::{Acknowledgements, Feed, Refused, next};
use crate::record::Record;
use crate::{Error, FaultPolicy, Source};

/// The source's name in faults and errors.
const NAME: &str = "http";

impl<T: Record> Feed<T> for Http {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let Self { listen, connections, rules, policy } = self;
        let respond = rules.respond;
        let acknowledgements = Acknowledgements::new(source);
        if respond == Respond::Done {
            acknowledgements.tell(source, NAME, Arc::new(Answering))?;
        }
        let (sender, posted) = channel(1);
        let serving = Arc::new(Serving::start(listen, connections, rules, &sender, stop).await?);
        let ending = serving.clone();
        // After the acknowledgements: then all answers are known.
        source.before_end(move || {
            let ending = ending.clone();
            Box::pin(async move {
                ending.end().await;
                Ok(())
            })
        });
        let fed = Posts { posted, acknowledgements, respond, policy }.feed(source, stop, sender).await;
        if respond == Respond::Accepted {
            serving.end().await;
        }
        fed
    }
}

/// The connections of clients.
struct Serving {
    stop: CancellationToken,
    /// None after their end.
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl Serving {
    async fn start(
        listen: ListenAddress,
        connections: usize,
        rules: RequestRules,
        sender: &Sender<Posted>,
        stop: &CancellationToken,
    ) -> Result<Self, Error> {
        let (stop, limit) = (stop.child_token(), ConnectionLimit::new(connections));
        let deadline = REQUEST.of(rules.timeout);
        let http = connections::Http::new(deadline, limit.clone(), router(rules, sender), stop.clone());
        let serve = move |connection, peer| http.clone().serve(connection, peer);
        let tasks = Mutex::new(Some(listen.serve(limit, stop.clone(), serve).await?));
        Ok(Self { stop, tasks })
    }

    /// Takes no more requests, and gives clients some time to read their answers.
    async fn end(&self) {
        self.stop.cancel();
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tasks) = tasks {
            let _ = STOPPED.within("clients", tasks.join_all()).await;
        }
    }
}

/// Answers requests.
fn router(rules: RequestRules, sender: &Sender<Posted>) -> Router {
    Router::new().fallback(take).with_state(Handler::new(rules, sender))
}

/// Emits what clients post.
struct Posts {
    posted: Receiver<Posted>,
    acknowledgements: Acknowledgements<Ticket>,
    respond: Respond,
    policy: FaultPolicy,
}

impl Posts {
    /// Emits until the source is stopped, and the requests that have begun by then are emitted too, for some time.
    async fn feed<T: Record>(
        mut self,
        source: &Source<T>,
        stop: &CancellationToken,
        sender: Sender<Posted>,
    ) -> Result<(), Error> {
        let over = CancellationToken::new();
        let emitting = self.emit_all(source, &over);
        tokio::pin!(emitting);
        let stopping = async {
            stop.cancelled().await;
            // Emitting ends when the requests that have begun are passed on.
            drop(sender);
            tokio::time::sleep(STOPPED.time).await;
        };
        tokio::select! {
            emitted = &mut emitting => return emitted,
            () = stopping => over.cancel(),
        }
        emitting.await
    }

    async fn emit_all<T: Record>(
        &mut self,
        source: &Source<T>,
        over: &CancellationToken,
    ) -> Result<(), Error> {
        let mut place = 0;
        while let Some(Posted { records, ticket }) = next(source, over, self.posted.recv()).await?.flatten() {
            place += 1;
            match records {
                Ok(records) => self.emit(source, place, records, ticket).await?,
                Err(refusal) => {
                    let (record, message) = (&*refusal.record, refusal.message());
                    let refused = Refused { record, name: NAME, message: &message, policy: &self.policy };
                    let refused = source.refuse_numbered(refused, |_| {}).await;
                    ticket.tell(Outcome::Taken);
                    refused?;
                }
            }
        }
        Ok(())
    }

    /// Emits the records of a request, and answers it, unless it waits until they are out.
    async fn emit<T: Record>(
        &self,
        source: &Source<T>,
        place: u64,
        records: Vec<bytes::Bytes>,
        ticket: Ticket,
    ) -> Result<(), Error> {
        // Each place comes once.
        let _ = self.acknowledgements.receive(place, ticket);
        let emitted = self.acknowledgements.emit_records(source, place, records).await;
        if (self.respond == Respond::Accepted || emitted.is_err())
            && let Some(message) = self.acknowledgements.take(place)
        {
            let otherwise = emitted.as_ref().err();
            tell(message, otherwise.map_or(Outcome::Taken, |error| Outcome::Ended(error.to_string())));
        }
        emitted
    }
}

/// The largest body that a client may post to [`serve_one`], also decompressed.
#[cfg(any(fuzzing, test))]
pub(crate) const LARGEST_BODY: usize = 1 << 10;

/// Serves one connection to its end, and returns the records that it brought.
#[cfg(any(fuzzing, test))]
pub(crate) async fn serve_one<S>(connection: S) -> Vec<bytes::Bytes>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, mut posted) = channel(1);
    let router = router(super::source::http("").largest_body(LARGEST_BODY).rules, &sender);
    let http = connections::Http::new(REQUEST, ConnectionLimit::new(2), router, CancellationToken::new());
    let serving = async {
        http.serve(connection, std::net::SocketAddr::from(([127, 0, 0, 1], 1))).await;
        drop(sender);
    };
    let taking = async {
        let mut all = Vec::new();
        while let Some(Posted { records, ticket }) = posted.recv().await {
            all.extend(records.into_iter().flatten());
            ticket.tell(Outcome::Taken);
        }
        all
    };
    tokio::join!(serving, taking).1
}
