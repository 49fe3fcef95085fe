//! A plugin's function on a stream that is not scattered: one record after another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::AccumulateNode;
use crate::executor::{CallError, PoolShared, retry};
use crate::fault::Fault;
use crate::function::Kind;
use crate::graph::scattered::misuse;
use crate::graph::{CALLS_COUNT, Handling, Items, Node, Outlet, Stream};
use crate::plugin::{Failure, FunctionCore, Outcome};
use crate::progress::GraphContext;
use crate::progress::Holding;
use crate::record::{Batch, Record};
use crate::{Error, Function};

/// The longest time that a result is held back only to be faster.
pub(super) const SHOWN_WITHIN: Duration = Duration::from_millis(10);

/// Gives a function one record a call, and waits for it. A single instance is enough.
pub(crate) struct FunctionNode<U> {
    core: Arc<FunctionCore>,
    pool: Arc<PoolShared>,
    name: Arc<str>,
    context: Arc<GraphContext>,
    misuse: Option<Error>,
    outlet: Outlet<U>,
}

impl<U: Record> FunctionNode<U> {
    /// Adds `function` to `stream`; `used` is the kind that the graph uses it as, if it says so.
    pub(crate) fn attach<T: Record>(
        stream: Stream<T>,
        function: &Function<T, U>,
        used: Option<Kind>,
    ) -> Stream<U> {
        let (core, pool) = (function.core().clone(), function.shared_pool().clone());
        let (name, context) = (core.name().into(), stream.context.clone());
        let kind = core.name().to_owned();
        stream.attach_as(CALLS_COUNT, &kind, |outlet| Self {
            misuse: misuse(&core, used),
            core,
            pool,
            name,
            context,
            outlet,
        })
    }

    async fn process(&self, mut record: Batch) -> Result<(), Error> {
        if self.core.policy().keeps_records() {
            record.keep_as_origin();
        }
        let record = &record;
        let outcome = match self.pool.call_alone(&self.core, record, &()).await {
            Ok(outcome) => retry(&self.pool, &self.core, record, outcome, &()).await?,
            Err(CallError::Open(error)) => return Err(error),
            Err(CallError::Trouble(trouble)) => {
                return self.handle_fault(record, Failure::alone(trouble.cause, 1));
            }
        };
        let Outcome { output, failures, .. } = outcome;
        if let Some(failure) = failures.into_iter().next() {
            return self.handle_fault(record, failure);
        }
        if output.is_empty() {
            return Ok(());
        }
        self.outlet.send(Items::records(output, self.name.clone())).await
    }

    fn handle_fault(&self, record: &Batch, Failure { cause, attempts, .. }: Failure) -> Result<(), Error> {
        let fault = Fault::new(record.number(0), &*self.name, cause);
        self.context.handle_fault(self.core.policy(), fault, || record.origin(0).into(), attempts)
    }
}

impl<T: Record> Stream<T> {
    /// Elements through a plugin's function of whatever kind, as long as it is no sink.
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Pool, Source, sinks};
    ///
    /// let pool = Pool::new()?;
    /// let words = pool.load("words.wasm").await?.function::<String, String>("words")?;
    /// let source = Source::new();
    /// let (sink, list) = sinks::list();
    /// source.stream().apply(&words).sink(sink);
    /// source.emit("so it goes".to_owned()).await?;
    /// source.close().await?;
    /// assert_eq!(list.take(), ["so", "it", "goes"]);
    /// # Ok(()) }
    /// ```
    pub fn apply<U: Record>(self, function: &Function<T, U>) -> Stream<U> {
        match function.core().kind() {
            Kind::Accumulate => AccumulateNode::attach(self, function, None),
            _ => FunctionNode::attach(self, function, None),
        }
    }
}

impl<T: Record, U: Record> Node<T> for FunctionNode<U> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(async move {
            if let Some(misuse) = &self.misuse {
                return Err(misuse.clone());
            }
            // A single element is followed by a pause anyway.
            let is_one = matches!(items, Items::One(..));
            let batch = items.into_batch(&self.name, self.core.policy(), &self.context)?;
            let Some(mut batch) = batch else { return Ok(()) };
            if is_one {
                return self.process(batch).await;
            }
            let mut shown = Instant::now();
            while !batch.is_empty() {
                let rest = batch.split_off(1);
                self.process(batch).await?;
                // A slow function's results are not held back until later ones are there.
                if shown.elapsed() > SHOWN_WITHIN {
                    self.outlet.pause().await?;
                    shown = Instant::now();
                }
                batch = rest;
            }
            Ok(())
        })
    }

    fn pause(&self) -> Handling<'_> {
        self.outlet.pause()
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.outlet.close())
    }

    fn holding(&self) -> Holding {
        Holding::Nothing
    }
}
