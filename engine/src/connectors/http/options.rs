//! Options of the node types `http`.

use axum::http::uri::PathAndQuery;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::source::Respond;
use super::{sink, source};
use crate::connectors::support::options::{RecordFormat, check_header};
use crate::net::url::shown;
use crate::nodes::{
    Access, Address, BuildContext, Contents, Count, Feeding, Flow, Number, Problem, SinkNode, Size,
    SourceNode, Time, Url,
};

/// What clients POST to an address: each body is a record, or each of its lines. The answer is 202 once the graph has
/// accepted it, or 200 once it is out. A bad record is answered with 400 and left out, unless on_fault says otherwise.
#[derive(Deserialize, JsonSchema)]
pub(super) struct HttpSource {
    /// The address to listen at, as "127.0.0.1:8080".
    address: Address,
    /// The path of requests; "/" by default.
    path: Option<String>,
    /// How to read each record: "text", "json" or "bytes". With "json", other bodies get 400.
    #[serde(default)]
    format: RecordFormat,
    /// Each line of any body is a record. With the content type application/x-ndjson that is so anyway.
    #[serde(default)]
    lines: bool,
    /// The most bytes of a body; 1MiB by default.
    largest_body: Option<Size>,
    /// The most requests that were read and wait for the graph; more get 429. 64 by default.
    waiting: Option<Count>,
    /// When a request is answered: "accepted" by the graph (the default), or "done": all its records are out.
    respond: Option<RespondOption>,
    /// With respond = "done", how long a client waits until its records are out; then it gets 504. 30s by default.
    done_within: Option<Time>,
    /// How long the head of a request may take to arrive, and how long its body; 30s by default.
    timeout: Option<Time>,
    /// The most connections at the same time; others wait. 256 by default.
    connections: Option<Count>,
    /// The origins of web pages that may post, as "https://example.org"; other pages get 403.
    #[serde(default)]
    origins: Vec<String>,
}

/// When a request is answered.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RespondOption {
    /// When the graph has accepted its records, with 202.
    Accepted,
    /// When its records are out, with 200.
    Done,
}

impl From<RespondOption> for Respond {
    fn from(respond: RespondOption) -> Self {
        match respond {
            RespondOption::Accepted => Self::Accepted,
            RespondOption::Done => Self::Done,
        }
    }
}

impl SourceNode for HttpSource {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.listens(&self.address);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let is_json = self.format == RecordFormat::Json;
        let mut http =
            source::http(context.access.listened_at(self.address)?).lines(self.lines).json(is_json);
        http = http.on_fault(&context.guard.policy);
        if let Some(respond) = self.respond {
            http = http.respond(respond.into());
        }
        let waits = matches!(self.respond, Some(RespondOption::Done));
        let too_early = (self.done_within.is_some() && !waits).then(|| {
            Err(Problem::at("done_within", "requests are answered once they are accepted")
                .help("set respond = \"done\", or remove it"))
        });
        let path = self.path.iter().map(|path| check_path(path));
        let origins = self.origins.iter().map(|origin| check_origin(origin));
        Problem::collect(path.chain(origins).chain(too_early))?;
        if let Some(Time(time)) = self.done_within {
            http = http.done_within(time);
        }
        if let Some(path) = self.path {
            http = http.path(path);
        }
        http = http.origins(self.origins);
        if let Some(Size(bytes)) = self.largest_body {
            http = http.largest_body(bytes);
        }
        if let Some(Count(requests)) = self.waiting {
            http = http.waiting(requests.get());
        }
        if let Some(Time(timeout)) = self.timeout {
            http = http.timeout(timeout);
        }
        if let Some(Count(connections)) = self.connections {
            http = http.connections(connections.get());
        }
        let listening = async move {
            let http = http.bind().await?;
            let address = http.local_addr();
            Ok((http, address))
        };
        let feeding = Feeding::listening(listening, context.listens());
        Ok((feeding, self.format.contents()))
    }
}

fn check_path(path: &str) -> Result<(), Problem> {
    if !path.starts_with('/') {
        return Err(Problem::at("path", "a path begins with /").help(format!("write \"/{path}\"")));
    }
    if PathAndQuery::try_from(path).is_ok_and(|known| known.as_str() == path && known.query().is_none()) {
        return Ok(());
    }
    Err(Problem::at("path", format!("{path:?} is not a valid path")).help("write it as in a URL"))
}

fn check_origin(origin: &str) -> Result<(), Problem> {
    let known = reqwest::Url::parse(origin).map(|url| url.origin().ascii_serialization());
    if known.as_deref() == Ok(origin) {
        return Ok(());
    }
    let help =
        known.map_or_else(|_| "as \"https://example.org\"".to_owned(), |known| format!("write {known:?}"));
    Err(Problem::at("origins", format!("{origin:?} is not the origin of a web page")).help(help))
}

/// POSTs each record to a URL, or many records together. A record that the server does not take is a fault.
#[derive(Deserialize, JsonSchema)]
pub(super) struct HttpSink {
    /// The URL, as "https://example.org/events".
    url: Url,
    /// Headers of each request.
    #[serde(default)]
    #[schemars(with = "std::collections::HashMap<String, String>")]
    headers: IndexMap<String, String>,
    /// How long an answer may take; 30s by default.
    timeout: Option<Time>,
    /// How often to try again when a connection fails, or the answer is 429 or 5xx; 5 by default.
    tries: Option<Number>,
    /// The most records in one request, each followed by a newline.
    batch: Option<Count>,
    /// After this time a request goes with fewer records; 100ms by default.
    within: Option<Time>,
    /// The records of a request are sent as a JSON array.
    #[serde(default)]
    array: bool,
    /// The most requests in flight; with more than one they may arrive in another order. 1 by default.
    in_flight: Option<Count>,
}

impl SinkNode for HttpSink {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.connects(&self.url);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let Self { url, headers, timeout, tries, batch, within, array, in_flight } = self;
        let url = context.access.connected(url)?;
        let alone = (within.is_some() && batch.is_none()).then(|| {
            Err(Problem::at("within", "each record is sent alone")
                .help("set how many are sent together: batch = 100"))
        });
        let headers_checked = headers.iter().map(|(name, value)| check_header(name, value));
        Problem::collect([check_url(&url)].into_iter().chain(headers_checked).chain(alone))?;
        let mut http = sink::http(url).array(array);
        for (name, value) in headers {
            http = http.header(name, value);
        }
        if let Some(Time(timeout)) = timeout {
            http = http.timeout(timeout);
        }
        if let Some(Number(tries)) = tries {
            http = http.retries(usize::try_from(tries).unwrap_or(usize::MAX));
        }
        if let Some(Count(records)) = batch {
            let within = within.map_or(std::time::Duration::from_millis(100), |Time(within)| within);
            http = http.batches(records.get(), within);
        }
        if let Some(Count(requests)) = in_flight {
            http = http.in_flight(requests.get());
        }
        input.local()?.0.sink(http.on_fault(&context.guard.policy));
        Ok(())
    }
}

fn check_url(url: &str) -> Result<(), Problem> {
    let no_url = |reason: &str| Problem::at("url", format!("{:?} is not an HTTP URL{reason}", shown(url)));
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(no_url("").help("write http://… or https://…"));
    }
    reqwest::Url::parse(url).map(drop).map_err(|error| no_url(&format!(": {error}")))
}
