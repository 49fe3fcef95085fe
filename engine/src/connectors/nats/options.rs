//! Options of the node types `nats`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{sink, source};
use crate::broker::Broker;
use crate::connectors::support::options::RecordFormat;
use crate::nodes::json::canonical;
use crate::nodes::{
    Access, BuildContext, Contents, Count, Feeding, Flow, Key, Problem, SinkNode, SourceNode, Time, Url,
};

/// The messages of a JetStream stream of a NATS server, through a durable pull consumer. Each is acknowledged when all
/// outputs of it are written.
#[derive(Deserialize, JsonSchema)]
pub(super) struct NatsSource {
    /// The server's address, as "nats://127.0.0.1:4222" or "tls://…"; several are separated by commas.
    server: Url,
    /// A file to log in with: credentials, or the seed of an NKey.
    credentials: Option<PathBuf>,
    /// A file with the certificates (PEM) of the authorities that sign the server's.
    ca: Option<PathBuf>,
    /// The stream.
    stream: String,
    /// The durable consumer. It is created if there is none of this name.
    consumer: String,
    /// The subjects to receive, as "orders.*"; all by default.
    subject: Option<String>,
    /// How to read each message: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// If false, the source ends when the stream has no more messages. True by default.
    follow: Option<bool>,
    /// The most messages that are received and not acknowledged; 1000 by default. It must be more than nodes hold back.
    in_flight: Option<Count>,
    /// If the consumer is created: a message that is not acknowledged for this long is delivered again; 30s by default.
    ack_wait: Option<Time>,
    /// How long the server may be unreachable before the run fails; 60s by default.
    timeout: Option<Time>,
}

impl SourceNode for NatsSource {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.asks(&self.server, [&self.credentials, &self.ca]);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let Self { server, credentials, ca, .. } = self;
        let broker = Server { server, credentials, ca }.broker(context);
        let names = [check_name("stream", &self.stream), check_name("consumer", &self.consumer)];
        let subject = self.subject.iter().map(|subject| check_subject(subject, true));
        let reached = broker.as_ref().map(|_| ()).map_err(Clone::clone);
        Problem::collect([reached].into_iter().chain(names).chain(subject))?;
        let broker = broker?;
        let mut nats = source::nats(broker, self.stream, self.consumer).follow(self.follow.unwrap_or(true));
        nats = nats.on_fault(&context.guard.policy);
        if let Some(subject) = self.subject {
            nats = nats.subject(subject);
        }
        if let Some(Count(messages)) = self.in_flight {
            nats = nats.in_flight(messages);
        }
        if let Some(Time(wait)) = self.ack_wait {
            nats = nats.ack_wait(wait);
        }
        if let Some(Time(timeout)) = self.timeout {
            nats = nats.timeout(timeout);
        }
        Ok((Feeding::connecting(nats.connect()), self.format.contents()))
    }
}

/// A server's address, and the files for it.
struct Server {
    server: Url,
    credentials: Option<PathBuf>,
    ca: Option<PathBuf>,
}

impl Server {
    fn broker(self, context: &mut BuildContext) -> Result<Broker, Problem> {
        let broker = context.access.asked(self.server)?.parse::<Broker>();
        let mut broker = broker.map_err(|error| Problem::at("server", error.to_string()))?;
        if let Some(file) = self.credentials {
            broker = broker.credentials(context.reads(&file, "credentials")?);
        }
        if let Some(file) = self.ca {
            broker = broker.authority(context.reads(&file, "ca")?);
        }
        Ok(broker)
    }
}

/// Checks the name of a stream or a consumer.
fn check_name(key: &str, name: &str) -> Result<(), Problem> {
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !".*>/\\".contains(c);
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    let problem = Problem::at(key, format!("{name:?} is not a valid {key} name"));
    Err(problem.help("a name has no spaces, dots, slashes, * or >"))
}

/// Checks a subject; with `wildcards` it may match several.
fn check_subject(subject: &str, wildcards: bool) -> Result<(), Problem> {
    let tokens: Vec<_> = subject.split('.').collect();
    let last = tokens.len() - 1;
    let fits = |(place, token): (usize, &&str)| match *token {
        "*" => wildcards,
        ">" => wildcards && place == last,
        token => {
            !token.is_empty()
                && !token.chars().any(|c| c.is_whitespace() || c.is_control() || "*>".contains(c))
        }
    };
    if tokens.iter().enumerate().all(fits) {
        return Ok(());
    }
    let problem = Problem::at("subject", format!("{subject:?} is not a valid subject"));
    Err(match wildcards {
        true => problem.help("as \"orders.new\", \"orders.*\" or \"orders.>\""),
        false => problem.help("as \"orders.new\""),
    })
}

/// Publishes each record to a subject of a JetStream stream on a NATS server. A record that is too large is a fault.
#[derive(Deserialize, JsonSchema)]
pub(super) struct NatsSink {
    /// The server's address, as "nats://127.0.0.1:4222" or "tls://…"; several are separated by commas.
    server: Url,
    /// A file to log in with: credentials, or the seed of an NKey.
    credentials: Option<PathBuf>,
    /// A file with the certificates (PEM) of the authorities that sign the server's.
    ca: Option<PathBuf>,
    /// The subject, as "orders.new".
    subject: String,
    /// The id of each record: of two with the same id within the stream's duplicate window only the first is kept, even
    /// from different runs.
    id: Option<Key>,
    /// The most messages in flight; 256 by default.
    in_flight: Option<Count>,
    /// How long the server may be unreachable before the run fails; 60s by default.
    timeout: Option<Time>,
}

impl SinkNode for NatsSink {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.asks(&self.server, [&self.credentials, &self.ca]);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let Self { server, credentials, ca, subject, id, in_flight, timeout } = self;
        let broker = Server { server, credentials, ca }.broker(context);
        let reached = broker.as_ref().map(|_| ()).map_err(Clone::clone);
        Problem::collect([reached, check_subject(&subject, false)])?;
        let broker = broker?;
        let mut nats = sink::nats(broker, subject);
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
