//! Requests to the collector.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::redirect::Policy;
use tokio::runtime::Runtime;
use tokio::sync::SetOnce;
use tokio::time::{Instant, sleep_until};

use super::collector::Collector;
use crate::deadlines::{COLLECTOR, client};
use crate::error::TelemetryError;
use crate::{Error, threads};

/// The most bytes of an answer that are read.
const ANSWER: usize = 1 << 20;

/// Posts to the collector from the SDK's thread, which waits for the answer. Reports the first failure.
pub(super) struct Client {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    http: reqwest::Client,
    url: String,
    /// The deadline of the last export, once it has begun.
    ending: Arc<SetOnce<Instant>>,
    failed: AtomicBool,
    on_failure: Box<dyn Fn(Error) + Send + Sync>,
}

/// Why the collector did not take a request.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{path}: the collector answered {status}")]
    Answer { path: String, status: reqwest::StatusCode },
    #[error("the run ended before {path} was answered")]
    TooLate { path: String },
}

impl Client {
    pub(super) fn new(
        collector: &Collector,
        ending: Arc<SetOnce<Instant>>,
        on_failure: impl Fn(Error) + Send + Sync + 'static,
    ) -> Result<Self, Arc<dyn StdError + Send + Sync>> {
        let given = std::env::var("OTEL_EXPORTER_OTLP_TIMEOUT").ok().and_then(|millis| millis.parse().ok());
        let timeout = given.map_or(COLLECTOR.time, Duration::from_millis);
        // A redirect could send the headers, which may be secret, to another server.
        let http = client(timeout).redirect(Policy::none()).build();
        Ok(Self {
            runtime: Some(threads::asking_runtime().map_err(shared)?),
            http: http.map_err(shared)?,
            url: collector.to_string(),
            ending,
            failed: AtomicBool::new(false),
            on_failure: Box::new(on_failure),
        })
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let path = request.uri().path().to_owned();
        let without_url = reqwest::Error::without_url;
        let mut answer = self.http.execute(request.try_into()?).await.map_err(without_url)?;
        let status = answer.status();
        if !status.is_success() {
            self.fails(Arc::new(Refused::Answer { path, status }));
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(without_url)?
            && body.len() < ANSWER
        {
            body.extend_from_slice(&piece);
        }
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }

    /// Reports a failure, if it is the first.
    fn fails(&self, source: Arc<dyn StdError + Send + Sync>) {
        if !self.failed.swap(true, Relaxed) {
            (self.on_failure)(Error::Telemetry(TelemetryError::Send { url: self.url.clone(), source }));
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let path = request.uri().path().to_owned();
        let late = async { sleep_until(*self.ending.wait().await).await };
        let sent = async {
            tokio::select! {
                answer = self.exchange(request) => answer,
                () = late => Err(Refused::TooLate { path }.into()),
            }
        };
        // No other task runs on this thread.
        let runtime = self.runtime.as_ref().expect("it is there until the client is dropped");
        runtime.block_on(sent).inspect_err(|error| self.fails(Arc::from(as_text(&**error))))
    }
}

fn shared(error: impl StdError + Send + Sync + 'static) -> Arc<dyn StdError + Send + Sync> {
    Arc::new(error)
}

/// An error with its causes, as text.
fn as_text(error: &(dyn StdError + 'static)) -> Box<dyn StdError + Send + Sync> {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ").into()
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may be dropped inside a task, which must not wait.
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url).finish_non_exhaustive()
    }
}
