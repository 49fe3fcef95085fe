//! What others POST.

use axum::http::uri::PathAndQuery;
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;

use super::format::RecordFormat;
use crate::nodes::{
    Access, Address, BuildContext, Contents, Count, Feeding, Problem, Size, SourceNode, Time,
};
use crate::sources;

/// What others POST to an address: a body is a record, or each of its lines is. The answer is 202 once the graph
/// has accepted it.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Http {
    /// Where it listens, as "127.0.0.1:8080".
    address: Address,
    /// The path of requests; "/", if not said.
    path: Option<String>,
    /// How each record is to be read: "text", "json" or "bytes". What should be JSON and is not gets 400.
    #[serde(default)]
    format: RecordFormat,
    /// Each line of any body is a record; those of the content type application/x-ndjson are so anyway.
    #[serde(default)]
    lines: bool,
    /// The largest body; 1MiB, if not said.
    largest_body: Option<Size>,
    /// Requests that were read and may wait for the graph; further ones get 429. 64, if not said.
    waiting: Option<Count>,
    /// How long the head of a request may take to arrive, and its body; 30s, if not said.
    timeout: Option<Time>,
    /// Connections at once; 256, if not said.
    connections: Option<Count>,
    /// Web pages that may post, by their origins, as "https://example.org"; those of others get 403.
    #[serde(default)]
    origins: Vec<String>,
}

impl SourceNode for Http {
    fn access(&self, access: &mut Access) {
        access.listens(&self.address);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let is_json = self.format == RecordFormat::Json;
        let mut http =
            sources::http(context.access.listened_at(self.address)?).lines(self.lines).json(is_json);
        if let Some(path) = self.path {
            check_path(&path)?;
            http = http.path(path);
        }
        self.origins.iter().try_for_each(|origin| check_origin(origin))?;
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
    Err(Problem::at("path", format!("no request has the path {path:?}"))
        .help("write it as it stands in a URL"))
}

fn check_origin(origin: &str) -> Result<(), Problem> {
    let known = Url::parse(origin).map(|url| url.origin().ascii_serialization());
    if known.as_deref() == Ok(origin) {
        return Ok(());
    }
    let help =
        known.map_or_else(|_| "as \"https://example.org\"".to_owned(), |known| format!("write {known:?}"));
    Err(Problem::at("origins", format!("{origin:?} is no origin of web pages")).help(help))
}
