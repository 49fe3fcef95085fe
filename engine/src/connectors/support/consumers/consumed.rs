//! Consumers as sinks: they take one element at a time, or records as they come together.

use super::node::{ConsumerNode, Portions};
use super::{Consumer, Records};
use crate::connectors::support::delivery_status::DeliveryStatus;
use crate::graph::{Items, Sink, Stream};
use crate::progress::OutputState;
use crate::record::Record;
use crate::{Error, FaultPolicy};

/// Makes a sink of a [`Consumer`] that takes elements one by one.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::sinks::{self, Consumer, Refusal};
///
/// struct Sender(tokio::sync::mpsc::Sender<i64>);
///
/// impl Consumer<i64> for Sender {
///     async fn take(&mut self, x: i64) -> Result<(), Refusal> {
///         self.0.send(x).await.map_err(|_| Refusal::fault("the receiver is gone"))
///     }
/// }
///
/// let source = engine::Source::new();
/// let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
/// source.stream().sink(sinks::consumer(Sender(sender)));
/// source.emit(1).await?;
/// source.close().await?;
/// assert_eq!(receiver.recv().await, Some(1));
/// # Ok(()) }
/// ```
pub fn consumer<C>(consumer: C) -> Consumed<Each<C>> {
    Consumed { portions: Each(consumer), policy: FaultPolicy::stop() }
}

/// Makes a sink of a [`Consumer`] that takes [`Records`] as they come together.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use std::sync::{Arc, Mutex};
///
/// use engine::sinks::{self, Consumer, Records, Refusal};
///
/// struct Text(Arc<Mutex<Vec<u8>>>);
///
/// impl Consumer<Records> for Text {
///     async fn take(&mut self, mut records: Records) -> Result<(), Refusal> {
///         self.0.lock().unwrap().extend_from_slice(&records.ended_by(b';'));
///         Ok(())
///     }
/// }
///
/// let (source, text) = (engine::Source::new(), Arc::default());
/// source.stream().sink(sinks::records(Text(Arc::clone(&text))));
/// source.emit(1).await?;
/// source.emit(2).await?;
/// source.close().await?;
/// assert_eq!(*text.lock().unwrap(), b"1;2;");
/// # Ok(()) }
/// ```
pub fn records<C>(consumer: C) -> Consumed<Together<C>> {
    Consumed { portions: Together(consumer), policy: FaultPolicy::stop() }
}

/// See [`consumer`] and [`records`].
#[derive(Debug)]
pub struct Consumed<P> {
    portions: P,
    policy: FaultPolicy,
}

impl<P> Consumed<P> {
    /// Says what happens to a record that the consumer refuses. By default the run ends.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }

    fn connect<T: Record>(self, stream: &Stream<T>)
    where
        P: Portions<T>,
    {
        let status = DeliveryStatus::new(self.portions.name(), self.policy, stream.context.clone());
        let kind = status.name().to_owned();
        stream.connect(&kind, ConsumerNode::new::<T>(self.portions, status));
    }
}

impl<T: Record, C: Consumer<T>> Sink<T> for Consumed<Each<C>> {
    fn attach(self, stream: Stream<T>) {
        self.connect(&stream);
    }
}

impl<T: Record, C: Consumer<Records>> Sink<T> for Consumed<Together<C>> {
    fn attach(self, stream: Stream<T>) {
        self.connect(&stream);
    }
}

/// Calls a consumer with one element at a time. See [`consumer`].
#[derive(Debug)]
pub struct Each<C>(C);

impl<T: Record, C: Consumer<T>> Portions<T> for Each<C> {
    async fn take(&mut self, items: Items<T>, status: &DeliveryStatus) -> Result<(), Error> {
        for item in items {
            let (number, element) = item?;
            let mut attempts = 1;
            loop {
                let Err(refusal) = self.0.take(element.clone()).await else {
                    status.taken(1, number);
                    break;
                };
                let (_, cause) = refusal.into_cause()?;
                if !status.tries_again(&cause, &mut attempts).await {
                    status.refused(number, cause, || encoded(&element).into(), attempts)?;
                    break;
                }
            }
        }
        Ok(())
    }

    async fn pause(&mut self) -> Result<(), Error> {
        self.0.pause().await
    }

    async fn end(&mut self) -> Result<(), Error> {
        self.0.end().await
    }

    fn unwritten(&mut self) -> usize {
        self.0.unwritten()
    }

    async fn note_output(&mut self) -> Result<Option<OutputState>, Error> {
        self.0.note_output().await
    }

    async fn resume_output(&mut self, output: OutputState) -> Result<(), Error> {
        self.0.resume_output(output).await
    }

    fn name(&self) -> &str {
        self.0.name()
    }
}

fn encoded(element: &impl Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    element.encode(&mut bytes);
    bytes
}

/// Calls a consumer with [`Records`] as they come together. See [`records`].
#[derive(Debug)]
pub struct Together<C>(C);

impl<T: Record, C: Consumer<Records>> Portions<T> for Together<C> {
    async fn take(&mut self, items: Items<T>, status: &DeliveryStatus) -> Result<(), Error> {
        let Some(mut batch) = status.batch(items)? else { return Ok(()) };
        // For the first record of the batch.
        let mut attempts = 1;
        while !batch.is_empty() {
            let Err(refusal) = self.0.take(Records::new(batch.clone())).await else {
                status.taken(batch.len(), batch.number(batch.len() - 1));
                break;
            };
            let (index, cause) = refusal.into_cause()?;
            let taken = index.min(batch.len() - 1);
            if taken > 0 {
                status.taken(taken, batch.number(taken - 1));
                batch = batch.split_off(taken);
                attempts = 1;
            }
            if !status.tries_again(&cause, &mut attempts).await {
                status.refused(batch.number(0), cause, || batch.record(0).into(), attempts)?;
                batch = batch.split_off(1);
                attempts = 1;
            }
        }
        Ok(())
    }

    async fn pause(&mut self) -> Result<(), Error> {
        self.0.pause().await
    }

    async fn end(&mut self) -> Result<(), Error> {
        self.0.end().await
    }

    fn unwritten(&mut self) -> usize {
        self.0.unwritten()
    }

    async fn note_output(&mut self) -> Result<Option<OutputState>, Error> {
        self.0.note_output().await
    }

    async fn resume_output(&mut self, output: OutputState) -> Result<(), Error> {
        self.0.resume_output(output).await
    }

    fn name(&self) -> &str {
        self.0.name()
    }
}
