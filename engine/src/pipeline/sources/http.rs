//! What others POST.

use schemars::JsonSchema;
use serde::Deserialize;

use super::format::RecordFormat;
use crate::pipeline::building::Building;
use crate::pipeline::flow::Contents;
use crate::pipeline::kinds::Source;
use crate::pipeline::mistake::Problem;
use crate::pipeline::options::{Count, Size, Time};
use crate::pipeline::run::Feeding;
use crate::sources::{self, Feed};

/// What others POST to an address: a body is a record, or each of its lines is. The answer is 202 once the graph
/// has accepted it.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Http {
    /// Where it listens, as "127.0.0.1:8080".
    address: String,
    /// The path of requests; "/", if not said.
    path: Option<String>,
    /// How each record is to be read: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// Each line of any body is a record; those of the content type application/x-ndjson are so anyway.
    #[serde(default)]
    lines: bool,
    /// The largest body; 1MiB, if not said.
    largest_body: Option<Size>,
    /// Requests that may wait for the graph; further ones get 429. 64, if not said.
    waiting: Option<Count>,
    /// How long a body may take to arrive; 30s, if not said.
    timeout: Option<Time>,
    /// Connections at once; 256, if not said.
    connections: Option<Count>,
}

impl Source for Http {
    fn open(self, building: &mut Building) -> Result<(Feeding, Contents), Problem> {
        let mut http = sources::http(self.address).lines(self.lines);
        if let Some(path) = self.path {
            if !path.starts_with('/') {
                return Err(Problem::at("path", "a path begins with /").help(format!("write \"/{path}\"")));
            }
            http = http.path(path);
        }
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
        let listens = building.listens();
        let feeding = Feeding::new(move |source, stop| async move {
            let http = http.bind().await?;
            listens(http.local_addr());
            http.feed(&source, &stop).await
        });
        Ok((feeding, self.format.contents()))
    }
}
