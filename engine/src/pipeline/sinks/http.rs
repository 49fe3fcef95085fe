//! POST requests.

use indexmap::IndexMap;
use reqwest::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::net::url::shown;
use crate::nodes::{Access, BuildContext, Count, Flow, Number, Problem, SinkNode, Time, Url};
use crate::sinks;

/// POSTs each record to a URL, or many together. One that is not taken is a fault.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Http {
    /// To what, as "https://example.org/events".
    url: Url,
    /// Headers of each request.
    #[serde(default)]
    #[schemars(with = "std::collections::HashMap<String, String>")]
    headers: IndexMap<String, String>,
    /// How long an answer may take; 30s, if not said.
    timeout: Option<Time>,
    /// How often it tries again when a connection fails, or the answer is 429 or 5xx; 5, if not said.
    tries: Option<Number>,
    /// So many records go together, each with a newline behind it.
    batch: Option<Count>,
    /// They go together after this time though there are fewer; 100ms, if not said.
    within: Option<Time>,
    /// Records that go together are a JSON array.
    #[serde(default)]
    array: bool,
    /// Requests under way at once; with more than one they may arrive in another order. 1, if not said.
    in_flight: Option<Count>,
}

impl SinkNode for Http {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.connects(&self.url);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let Self { url, headers, timeout, tries, batch, within, array, in_flight } = self;
        let url = context.access.connected(url)?;
        check_url(&url)?;
        headers.iter().try_for_each(|(name, value)| check_header(name, value))?;
        if within.is_some() && batch.is_none() {
            return Err(
                Problem::at("within", "each record goes alone").help("say how many go together: batch = 100")
            );
        }
        let mut http = sinks::http(url).array(array);
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
    let no_url = |reason: &str| Problem::at("url", format!("{:?} is no URL of HTTP{reason}", shown(url)));
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(no_url("").help("write http://… or https://…"));
    }
    reqwest::Url::parse(url).map(drop).map_err(|error| no_url(&format!(": {error}")))
}

fn check_header(name: &str, value: &str) -> Result<(), Problem> {
    let problem = |message: String| Problem::new(message).about(&["headers", name]);
    HeaderName::try_from(name).map_err(|_| problem(format!("{name:?} is no name of a header")))?;
    // It may be a secret.
    HeaderValue::try_from(value).map_err(|_| problem(format!("what {name} has is no value of a header")))?;
    Ok(())
}
