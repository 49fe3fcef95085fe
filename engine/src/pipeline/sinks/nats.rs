//! Messages to a stream of a NATS server.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::json::canonical;
use crate::nodes::{Access, BuildContext, Count, Flow, Key, Problem, SinkNode, Time, Url};
use crate::pipeline::sources::{Server, check_subject};
use crate::sinks;

/// Publishes each record to a subject, of which a JetStream stream of a NATS server keeps the messages. One that is too
/// large is a fault.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Nats {
    /// Where the server is, as "nats://127.0.0.1:4222", or "tls://…"; several with commas between.
    server: Url,
    /// A file that lets in: credentials, or the seed of an NKey.
    credentials: Option<PathBuf>,
    /// A file with certificates (PEM) that the server is known by.
    ca: Option<PathBuf>,
    /// The subject, as "orders.new".
    subject: String,
    /// What a record is known by: of two alike within the stream's duplicate window the first is kept, also of
    /// different runs.
    id: Option<Key>,
    /// Messages under way at once; 256, if not said.
    in_flight: Option<Count>,
    /// How long the server may be away before the run ends; 60s, if not said.
    timeout: Option<Time>,
}

impl SinkNode for Nats {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.asks(&self.server, [&self.credentials, &self.ca]);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let Self { server, credentials, ca, subject, id, in_flight, timeout } = self;
        let broker = Server { server, credentials, ca }.broker(context)?;
        check_subject(&subject, false)?;
        let mut nats = sinks::nats(broker, subject);
        if let Some(Key(path)) = id {
            nats = nats.id(move |record| Ok(canonical(path.of(record)?).into_owned()));
        }
        if let Some(Count(messages)) = in_flight {
            nats = nats.in_flight(messages);
        }
        if let Some(Time(timeout)) = timeout {
            nats = nats.timeout(timeout);
        }
        input.local()?.0.sink(nats.on_fault(&context.guard.policy));
        Ok(())
    }
}
