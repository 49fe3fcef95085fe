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

/// Messages of a JetStream stream of a NATS server, by a durable pull consumer. Each is acknowledged when all that came
/// of it is out.
#[derive(Deserialize, JsonSchema)]
pub(super) struct NatsSource {
    /// Where the server is, as "nats://127.0.0.1:4222", or "tls://…"; several with commas between.
    server: Url,
    /// A file that lets in: credentials, or the seed of an NKey.
    credentials: Option<PathBuf>,
    /// A file with certificates (PEM) that the server is known by.
    ca: Option<PathBuf>,
    /// The stream.
    stream: String,
    /// The durable consumer, which is made if there is none of that name.
    consumer: String,
    /// The subjects whose messages are wanted, as "orders.*"; all by default.
    subject: Option<String>,
    /// How each message is to be read: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// If false, it ends when the stream has nothing more.
    follow: Option<bool>,
    /// Messages that are under way or wait to be; 1000 by default. More than what nodes hold until others come.
    in_flight: Option<Count>,
    /// If the consumer is made: a message of which it hears nothing for so long is given out again; 30s by default.
    ack_wait: Option<Time>,
    /// How long the server may be away before the run ends; 60s by default.
    timeout: Option<Time>,
}

impl SourceNode for NatsSource {
    fn access(&self, access: &mut Access) {
        access.asks(&self.server, [&self.credentials, &self.ca]);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let Self { server, credentials, ca, .. } = self;
        let broker = Server { server, credentials, ca }.broker(context)?;
        for (key, name) in [("stream", &self.stream), ("consumer", &self.consumer)] {
            check_name(key, name)?;
        }
        if let Some(subject) = &self.subject {
            check_subject(subject, true)?;
        }
        let mut nats = source::nats(broker, self.stream, self.consumer).follow(self.follow.unwrap_or(true));
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

/// Where a server is, and the credentials for it.
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

/// Refuses what no stream and no consumer can be called.
fn check_name(key: &str, name: &str) -> Result<(), Problem> {
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !".*>/\\".contains(c);
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    let problem = Problem::at(key, format!("no {key} is called {name:?}"));
    Err(problem.help("a name has no spaces, dots, slashes, * or >"))
}

/// Refuses what is no subject; with `wildcards` it may stand for several.
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
    let problem = Problem::at("subject", format!("{subject:?} is no subject that messages can have"));
    Err(match wildcards {
        true => problem.help("as \"orders.new\", \"orders.*\" or \"orders.>\""),
        false => problem.help("as \"orders.new\""),
    })
}

/// Publishes each record to a subject, of which a JetStream stream of a NATS server keeps the messages. One that is too
/// large is a fault.
#[derive(Deserialize, JsonSchema)]
pub(super) struct NatsSink {
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
    /// Messages under way at once; 256 by default.
    in_flight: Option<Count>,
    /// How long the server may be away before the run ends; 60s by default.
    timeout: Option<Time>,
}

impl SinkNode for NatsSink {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.asks(&self.server, [&self.credentials, &self.ca]);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let Self { server, credentials, ca, subject, id, in_flight, timeout } = self;
        let broker = Server { server, credentials, ca }.broker(context)?;
        check_subject(&subject, false)?;
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
