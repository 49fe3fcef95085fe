//! What a source uses to note the messages that it receives and emits.

use std::fmt;
use std::sync::Arc;

use super::Acknowledge;
use super::server::Server;
#[cfg(feature = "net")]
use super::table::Message;
use super::table::{Emitted, Table};
use crate::error::GraphError;
use crate::graph::Refused;
#[cfg(feature = "cluster")]
use crate::record::Batch;
use crate::record::Record;
use crate::{Error, Source};

/// Acknowledges the messages of a source once everything that came of them is out: for a [`Feed`](crate::sources::Feed)
/// whose sender keeps each message until it is acknowledged, such as a broker.
///
/// A message is acknowledged when all its records have left the graph (they reached their sinks, were dropped, or are
/// faults that did not end the run), sinks have written what they held back, and dead letters are in their files. If a
/// run fails or is killed before, the message is not acknowledged, and its sender sends it again. So each message is
/// processed at least once. While a message is being processed, a second delivery of it is not processed.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use std::sync::{Arc, Mutex};
///
/// use engine::sources::{Acknowledge, Acknowledgements, Feed, Message};
/// use engine::{CancellationToken, Error, Record, Source, sinks};
///
/// /// A queue that keeps its messages until they are acknowledged.
/// #[derive(Default)]
/// struct Queue(Mutex<Vec<String>>);
///
/// impl Acknowledge for Queue {
///     type Handle = String;
///
///     async fn acknowledge(&self, messages: Vec<Message<String>>) -> Result<(), Error> {
///         let is_done = |text: &String| messages.iter().any(|message| message.handle == *text);
///         self.0.lock().unwrap().retain(|text| !is_done(text));
///         Ok(())
///     }
/// }
///
/// struct Reader(Arc<Queue>);
///
/// impl<T: Record> Feed<T> for Reader {
///     async fn feed(self, source: &Source<T>, _: &CancellationToken) -> Result<(), Error> {
///         let acknowledgements = Acknowledgements::new(source);
///         acknowledgements.tell(source, "queue", self.0.clone())?;
///         let messages = self.0.0.lock().unwrap().clone();
///         for (place, text) in (0..).zip(messages) {
///             if acknowledgements.receive(place, text.clone()) {
///                 acknowledgements.emit_records(source, place, [text]).await?;
///             }
///         }
///         Ok(())
///     }
/// }
///
/// let queue = Arc::new(Queue(Mutex::new(vec!["1".to_owned(), "2".to_owned()])));
/// let source = Source::new();
/// let (sink, list) = sinks::list::<i64>();
/// source.stream().buffer(8).sink(sink);
/// Reader(queue.clone()).feed(&source, &CancellationToken::new()).await?;
/// source.close().await?; // waits until the last messages are acknowledged
/// assert_eq!(list.take(), [1, 2]);
/// assert!(queue.0.lock().unwrap().is_empty());
/// # Ok(()) }
/// ```
///
/// Records are done in the order in which they were emitted: a message waits for the messages before it. A node that
/// holds records until more come, such as `partition`, holds their messages too, so let a sender send more messages than
/// the graph holds.
#[derive(Clone)]
pub struct Acknowledgements<H>(Arc<Table<H>>);

impl<H> fmt::Debug for Acknowledgements<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acknowledgements").field("messages", &self.len()).finish()
    }
}

impl<H: Clone + Send + Sync + 'static> Acknowledgements<H> {
    /// Begins to note the messages of a source. Call it before the source's first record.
    #[must_use]
    pub fn new<T: Clone + Send + 'static>(source: &Source<T>) -> Self {
        let table = Arc::new(Table::default());
        let noted = table.clone();
        source.context().on_fault(move |fault| noted.fault(fault));
        Self(table)
    }

    /// Acknowledges messages to `broker` from now on, in a task. [`Source::close`] waits until the last messages are
    /// acknowledged or given back. Call it before the source's first record, within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// If the graph joins streams of several sources: then nothing tells which message a record came from. `name` is
    /// the source's name in this error.
    pub fn tell<T, A>(&self, source: &Source<T>, name: &str, broker: Arc<A>) -> Result<(), Error>
    where
        T: Clone + Send + 'static,
        A: Acknowledge<Handle = H>,
    {
        check_unmixed(source, name)?;
        let server = Arc::new(Server::new(broker, self.0.clone(), source.context()));
        let table = self.0.clone();
        source.progress().on_done(move |done| table.done(done.last));
        server.start();
        source.before_end(move || {
            let server = server.clone();
            Box::pin(async move { server.end().await })
        });
        Ok(())
    }

    /// Notes a message that was delivered. Returns false if the same message was delivered before and is not
    /// acknowledged yet: then do not emit it again. It is acknowledged by the new handle.
    ///
    /// `place` tells messages apart and stays the same when a message is delivered again, such as its position in the
    /// broker's stream. If the sender has no such number, count the deliveries.
    #[must_use]
    pub fn receive(&self, place: u64, handle: H) -> bool {
        self.0.receive(place, handle)
    }

    /// Emits the element of a message that was received, as [`Source::emit`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Source::emit`].
    pub async fn emit<T: Clone + Send + 'static>(
        &self,
        source: &Source<T>,
        place: u64,
        element: T,
    ) -> Result<(), Error> {
        let emitted = |first| self.0.emit([Emitted { place, first, records: 1, is_last: true }]);
        let emitted = source.emit_one(element, emitted).await;
        self.noting(source, emitted)
    }

    /// Emits the records of a message that was received, as [`Source::emit_records`] does. The message is done when all
    /// of them are; a message without records is done when the messages before it are.
    ///
    /// # Errors
    ///
    /// Those of [`Source::emit_records`].
    pub async fn emit_records<T: Record, R: AsRef<[u8]>>(
        &self,
        source: &Source<T>,
        place: u64,
        records: impl IntoIterator<Item = R>,
    ) -> Result<(), Error> {
        let mut any = false;
        let emitted = |first, records, is_last| {
            any = true;
            self.0.emit([Emitted { place, first, records, is_last }]);
        };
        let emitted = source.emit_pieces(records, emitted).await;
        self.noting(source, emitted)?;
        if !any {
            let first = source.last_number() + 1;
            self.0.emit([Emitted { place, first, records: 0, is_last: true }]);
            self.0.look_again();
        }
        Ok(())
    }

    /// Emits messages that were received, each of which is one record.
    #[cfg(feature = "cluster")]
    pub(crate) async fn emit_batch<T: Record>(
        &self,
        source: &Source<T>,
        messages: Batch,
        places: &[u64],
    ) -> Result<(), Error> {
        let emitted = |first: u64| {
            let records = (first..).zip(places);
            self.0.emit(records.map(|(first, place)| Emitted {
                place: *place,
                first,
                records: 1,
                is_last: true,
            }));
        };
        let emitted = source.emit_numbered(messages, emitted).await;
        self.noting(source, emitted)
    }

    /// Counts a message that was received and is not a record, as [`Source::refuse`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Source::refuse`].
    pub async fn refuse<T: Record>(
        &self,
        source: &Source<T>,
        place: u64,
        refused: Refused<'_>,
    ) -> Result<(), Error> {
        let emitted = |first| self.0.emit([Emitted { place, first, records: 1, is_last: true }]);
        source.refuse_numbered(refused, emitted).await
    }

    /// Notes the fault that ended the run at an element: a type that can't be read is not reported otherwise.
    fn noting<T: Clone + Send + 'static>(
        &self,
        source: &Source<T>,
        emitted: Result<(), Error>,
    ) -> Result<(), Error> {
        if let Err(Error::Fault(fault)) = &emitted
            && !source.context().are_mixed()
        {
            self.0.fault(fault);
        }
        emitted
    }

    /// Takes out the message that was emitted last, with the fault that is known by now. It is not acknowledged.
    #[cfg(feature = "net")]
    pub(crate) fn take(&self, place: u64) -> Option<Message<H>> {
        self.0.take(place)
    }
}

impl<H> Acknowledgements<H> {
    /// How many messages were received and are not acknowledged.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether all messages that were received are acknowledged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Checks that the records of a source meet no records of other sources.
pub(crate) fn check_unmixed<T: Clone + Send + 'static>(source: &Source<T>, name: &str) -> Result<(), Error> {
    if source.context().are_mixed() {
        return Err(Error::Graph(GraphError::MixedSources { source_name: name.to_owned() }));
    }
    Ok(())
}
