//! A plugin's function as a sink: one instance gets the records in order, and none twice.

use std::future::ready;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::error::FunctionError;
use crate::executor::PoolShared;
use crate::fault::{Cause, Fault};
use crate::function::Kind;
use crate::graph::{Handling, Items, Node, Sink, Stream};
use crate::plugin::{Failure, FunctionCore, Instance, MOST_BYTES, Output};
use crate::progress::{GraphContext, Holding};
use crate::record::{Batch, Record};
use crate::{Error, Function};

impl<T: Record> Sink<T> for &Function<T, ()> {
    fn attach(self, stream: Stream<T>) {
        let node = PluginNode {
            core: self.core().clone(),
            pool: self.shared_pool().clone(),
            context: stream.context.clone(),
            instance: Mutex::new(SinkInstance::None),
        };
        if let Some(output) = node.core.opening.output.clone() {
            node.context.on_flush(move || Box::pin(ready(output.flush())));
        }
        stream.connect(self.core().name(), node);
    }
}

/// The one instance of a sink.
enum SinkInstance {
    /// Not opened yet, or finished.
    None,
    Some(Box<Instance>),
    /// A call failed with this error, or was cancelled.
    Failed(Error),
}

/// The result of a call.
struct Taken {
    /// This many of the first records are done.
    done: usize,
    /// Why the next record failed, if it did.
    failed: Option<Cause>,
}

struct PluginNode {
    core: Arc<FunctionCore>,
    pool: Arc<PoolShared>,
    context: Arc<GraphContext>,
    instance: Mutex<SinkInstance>,
}

impl PluginNode {
    async fn take(&self, mut batch: Batch) -> Result<(), Error> {
        if self.core.kind() != Kind::Sink {
            return Err(self.core.used_as(Kind::Sink));
        }
        let mut instance = self.instance.lock().await;
        // For the first record of the batch.
        let mut attempts = 1;
        while !batch.is_empty() {
            let n = self.core.batch_size.records().min(batch.fitting(MOST_BYTES));
            let rest = batch.split_off(n.min(batch.len()));
            while !batch.is_empty() {
                let Taken { done, failed } = self.call(&mut instance, &batch).await?;
                if done > 0 {
                    self.context.deliver(done, batch.number(done - 1));
                    batch = batch.split_off(done);
                    attempts = 1;
                }
                let Some(cause) = failed else { continue };
                if let Some(wait) = self.core.policy().retry_after(attempts).filter(|_| cause.is_retryable())
                {
                    self.pool.sleep(wait, &()).await;
                    attempts += 1;
                    continue;
                }
                if let Err(error) = self.settle(&batch, cause, attempts) {
                    *instance = SinkInstance::Failed(error.clone());
                    return Err(error);
                }
                batch = batch.split_off(1);
                attempts = 1;
            }
            batch = rest;
        }
        Ok(())
    }

    /// Calls the function with records.
    async fn call(&self, kept: &mut SinkInstance, batch: &Batch) -> Result<Taken, Error> {
        let called = self.call_on(std::mem::replace(kept, self.abandoned()), batch).await;
        match called {
            Ok((instance, taken)) => {
                *kept = instance.map_or(SinkInstance::None, SinkInstance::Some);
                Ok(taken)
            }
            Err(error) => {
                *kept = SinkInstance::Failed(error.clone());
                Err(error)
            }
        }
    }

    async fn call_on(
        &self,
        kept: SinkInstance,
        batch: &Batch,
    ) -> Result<(Option<Box<Instance>>, Taken), Error> {
        let instance = match kept {
            SinkInstance::Some(instance) if instance.has_grown() => {
                self.end(instance).await?;
                self.pool.open(&self.core, None).await?
            }
            SinkInstance::Some(instance) => instance,
            SinkInstance::None => self.pool.open(&self.core, None).await?,
            SinkInstance::Failed(error) => return Err(error),
        };
        // The time limit is for each record: the guest says when it begins one.
        let called = instance.process(batch, None, self.core.limits().timeout, &()).await;
        // If the output is gone, that is why the call fails, whatever the guest returned.
        self.output(Output::check)?;
        let (instance, outcome) = match called {
            Ok(called) => called,
            Err(trouble) => {
                let done = trouble.done.min(batch.len() - 1);
                return Ok((None, Taken { done, failed: Some(trouble.cause) }));
            }
        };
        self.core.usage.record(outcome.consumed, instance.used(), instance.memory());
        self.core.batch_size.learn(outcome.consumed, instance.used());
        let taken = match outcome.failures.into_iter().next() {
            // It stops at the first record that fails.
            Some(Failure { index, cause, .. }) => Taken { done: index, failed: Some(cause) },
            None => Taken { done: outcome.consumed, failed: None },
        };
        Ok((Some(instance), taken))
    }

    /// Applies the policy to the fault of the first record of `batch`.
    fn settle(&self, batch: &Batch, cause: Cause, attempts: u32) -> Result<(), Error> {
        let fault = Fault::new(batch.number(0), self.core.name(), cause);
        self.context.handle_fault(self.core.policy(), fault, || batch.origin(0).into(), attempts)
    }

    fn output(&self, act: impl FnOnce(&Output) -> Result<(), Error>) -> Result<(), Error> {
        self.core.opening.output.as_ref().map_or(Ok(()), act)
    }

    async fn finish(&self) -> Result<(), Error> {
        let mut kept = self.instance.lock().await;
        // What the function wrote before it failed is output too.
        self.output(Output::flush)?;
        match std::mem::replace(&mut *kept, self.abandoned()) {
            SinkInstance::Some(instance) => self.end(instance).await?,
            SinkInstance::None => {}
            SinkInstance::Failed(error) => {
                *kept = SinkInstance::Failed(error.clone());
                return Err(error);
            }
        }
        *kept = SinkInstance::None;
        self.output(Output::flush)
    }

    async fn end(&self, instance: Box<Instance>) -> Result<(), Error> {
        let function = self.core.name().to_owned();
        instance.finish(&()).await.map_err(|cause| Error::Function(FunctionError::Finish { function, cause }))
    }

    /// What is kept while a call runs, for the next call if this one is cancelled: its records may be done or not, and
    /// are not passed again.
    fn abandoned(&self) -> SinkInstance {
        SinkInstance::Failed(Error::Function(FunctionError::Abandoned {
            function: self.core.name().to_owned(),
        }))
    }
}

impl<T: Record> Node<T> for PluginNode {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(async {
            match items.into_batch(self.core.name(), self.core.policy(), &self.context)? {
                Some(batch) => self.take(batch).await,
                None => Ok(()),
            }
        })
    }

    fn pause(&self) -> Handling<'_> {
        Handling::Done(self.output(Output::flush))
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.finish())
    }

    fn holding(&self) -> Holding {
        Holding::Nothing
    }
}
