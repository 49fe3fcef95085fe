//! The client of another process's dashboard.

use std::error::Error;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Context, bail};
use engine::metrics::Snapshot;
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::address::Address;
use super::app::{Action, Update};
use super::events::{Events, LONGEST};
use crate::threads::{self, asking_runtime};

/// A dashboard that is silent for this long counts as gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a run that is gone is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Asks a dashboard.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    address: Address,
}

impl Client {
    pub(super) fn new(address: Address) -> anyhow::Result<Self> {
        // If this fails, another provider was installed before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(PATIENCE)
            .build()?;
        Ok(Self { http, address })
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Response> {
        let request = match &self.address.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        // The address is left out: the message names it already.
        let response = match request.send().await {
            Err(error) if error.is_connect() && is_refused(&error) => bail!("nothing listens there"),
            answered => answered.map_err(reqwest::Error::without_url)?,
        };
        match response.status() {
            status if status.is_success() => Ok(response),
            StatusCode::UNAUTHORIZED if self.address.token.is_some() => {
                bail!("the token is not that of this run")
            }
            StatusCode::UNAUTHORIZED => {
                bail!("it needs the whole address that the run printed, with its token")
            }
            status => bail!("it answers {status}, so it is not a dashboard"),
        }
    }

    /// Reads one answer of the interface.
    async fn read<T: DeserializeOwned>(&self, what: &str) -> anyhow::Result<T> {
        let mut response = self.answer(self.http.get(self.address.of(what))).await?;
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(reqwest::Error::without_url)? {
            body.extend_from_slice(&bytes);
            if body.len() > LONGEST {
                bail!("its answer is longer than {LONGEST} bytes");
            }
        }
        serde_json::from_slice(&body).context("it is not a dashboard of this version")
    }

    fn named<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        result.with_context(|| format!("can't see a run at {}", self.address))
    }

    /// The run at this moment.
    pub(super) fn snapshot(&self) -> anyhow::Result<Snapshot> {
        self.named(asking_runtime()?.block_on(self.read("snapshot")))
    }

    /// Follows a run, which must exist now.
    pub(super) fn follow(self) -> anyhow::Result<Remote> {
        let runtime = asking_runtime()?;
        let history = self.named(runtime.block_on(self.read("history")))?;
        let (tell, news) = sync_channel(8);
        let (action, actions) = mpsc::channel(8);
        // The channel is empty, so there is room.
        let _ = tell.send(Update::History(history));
        let following = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = self.tell_news(&tell) => {}
                    () = self.obey(actions, &tell) => {}
                }
            });
        };
        threads::start("engine-client", following)?;
        Ok(Remote { news, action })
    }

    /// Sends updates until the receiver is dropped. A run that is gone may come back.
    async fn tell_news(&self, tell: &SyncSender<Update>) {
        loop {
            let ended = self.hear(tell).await;
            if tell.send(Update::Gone).is_err() || matches!(ended, Ok(StreamEnd::Enough)) {
                return;
            }
            tokio::time::sleep(AGAIN).await;
            while let Err(_gone) =
                self.read("history").await.map(|history| tell.send(Update::History(history)))
            {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// Sends each snapshot that comes.
    async fn hear(&self, tell: &SyncSender<Update>) -> anyhow::Result<StreamEnd> {
        let mut response = self.answer(self.http.get(self.address.of("events"))).await?;
        let mut events = Events::default();
        while let Some(bytes) = response.chunk().await? {
            if let Some(data) = events.take(&bytes)? {
                let snapshot = serde_json::from_slice(&data)?;
                if tell.send(Update::Snapshot(snapshot)).is_err() {
                    return Ok(StreamEnd::Enough);
                }
            }
        }
        Ok(StreamEnd::All)
    }

    /// Sends actions to the dashboard until the sender is dropped.
    async fn obey(&self, mut actions: mpsc::Receiver<Action>, tell: &SyncSender<Update>) {
        while let Some(action) = actions.recv().await {
            let what = match action {
                Action::Pause => "pause",
                Action::Resume => "resume",
                Action::Drain => "drain",
                Action::Stop => "stop",
                Action::Leave | Action::Interrupt => continue,
            };
            let said = match self.answer(self.http.post(self.address.of(what))).await {
                Ok(_) => continue,
                // A run that is stopped may not answer.
                Err(_) if action == Action::Stop => "stopped".to_owned(),
                Err(error) => format!("could not {what}: {error:#}"),
            };
            if tell.send(Update::Said(said)).is_err() {
                return;
            }
        }
    }
}

/// Whether the connection was refused.
fn is_refused(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    let mut causes = causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|cause| cause.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// Why a stream of events ended.
enum StreamEnd {
    /// The run has sent everything.
    All,
    /// The receiver was dropped.
    Enough,
}

/// The connection to a followed run.
pub(super) struct Remote {
    pub(super) news: Receiver<Update>,
    pub(super) action: mpsc::Sender<Action>,
}
