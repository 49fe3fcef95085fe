//! A run that another process shows: what it tells, and what it is told.

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
use super::app::{News, Wish};
use super::events::{Events, LONGEST};
use crate::threads::{self, asking_runtime};

/// Who is silent for so long is gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// A run that is gone is looked for so often.
const AGAIN: Duration = Duration::from_secs(1);

/// Asks a dashboard.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    address: Address,
}

impl Client {
    pub(super) fn new(address: Address) -> anyhow::Result<Self> {
        // Another choice was made before.
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
        // Its address has no part in what is said: it was named already.
        let response = match request.send().await {
            Err(error) if error.is_connect() && is_refused(&error) => bail!("nothing listens there"),
            answered => answered.map_err(reqwest::Error::without_url)?,
        };
        match response.status() {
            status if status.is_success() => Ok(response),
            StatusCode::UNAUTHORIZED if self.address.token.is_some() => {
                bail!("it is not the token of this run")
            }
            StatusCode::UNAUTHORIZED => {
                bail!("it needs the whole address that the run has printed, with its token")
            }
            status => bail!("it answers {status}: there is no dashboard"),
        }
    }

    /// What is told at a place, once.
    async fn read<T: DeserializeOwned>(&self, what: &str) -> anyhow::Result<T> {
        let mut response = self.answer(self.http.get(self.address.of(what))).await?;
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(reqwest::Error::without_url)? {
            body.extend_from_slice(&bytes);
            if body.len() > LONGEST {
                bail!("it answers more than {LONGEST} bytes");
            }
        }
        serde_json::from_slice(&body).context("it is no dashboard of this version")
    }

    fn named<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        result.with_context(|| format!("can't see a run at {}", self.address))
    }

    /// The run at this moment.
    pub(super) fn snapshot(&self) -> anyhow::Result<Snapshot> {
        self.named(asking_runtime()?.block_on(self.read("snapshot")))
    }

    /// Follows a run from now on, which must be there.
    pub(super) fn follow(self) -> anyhow::Result<Remote> {
        let runtime = asking_runtime()?;
        let history = self.named(runtime.block_on(self.read("history")))?;
        let (tell, news) = sync_channel(8);
        let (wish, wishes) = mpsc::channel(8);
        // There is room for it.
        let _ = tell.send(News::History(history));
        let following = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = self.tell_news(&tell) => {}
                    () = self.obey(wishes, &tell) => {}
                }
            });
        };
        threads::start("engine-client", following)?;
        Ok(Remote { news, wish })
    }

    /// Tells what comes, until nobody listens. Who is gone may come back.
    async fn tell_news(&self, tell: &SyncSender<News>) {
        loop {
            let ended = self.hear(tell).await;
            if tell.send(News::Gone).is_err() || matches!(ended, Ok(Heard::Enough)) {
                return;
            }
            tokio::time::sleep(AGAIN).await;
            while let Err(_gone) = self.read("history").await.map(|history| tell.send(News::History(history)))
            {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// Tells each snapshot that comes.
    async fn hear(&self, tell: &SyncSender<News>) -> anyhow::Result<Heard> {
        let mut response = self.answer(self.http.get(self.address.of("events"))).await?;
        let mut events = Events::default();
        while let Some(bytes) = response.chunk().await? {
            if let Some(data) = events.take(&bytes)? {
                let snapshot = serde_json::from_slice(&data)?;
                if tell.send(News::Snapshot(snapshot)).is_err() {
                    return Ok(Heard::Enough);
                }
            }
        }
        Ok(Heard::All)
    }

    /// Asks for what somebody wants, until nobody wants anything any more.
    async fn obey(&self, mut wishes: mpsc::Receiver<Wish>, tell: &SyncSender<News>) {
        while let Some(wish) = wishes.recv().await {
            let what = match wish {
                Wish::Pause => "pause",
                Wish::Resume => "resume",
                Wish::Drain => "drain",
                Wish::Stop => "stop",
                Wish::Leave | Wish::Interrupt => continue,
            };
            let said = match self.answer(self.http.post(self.address.of(what))).await {
                Ok(_) => continue,
                // A run that is stopped need not answer.
                Err(_) if wish == Wish::Stop => "stopped".to_owned(),
                Err(error) => format!("could not {what}: {error:#}"),
            };
            if tell.send(News::Said(said)).is_err() {
                return;
            }
        }
    }
}

/// Whether nobody listens where it was sent.
fn is_refused(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    let mut causes = causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|cause| cause.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// Why no more is heard.
enum Heard {
    /// The run has told all.
    All,
    /// Nobody listens any more.
    Enough,
}

/// What is heard of a run, and who is told what it is to do.
pub(super) struct Remote {
    pub(super) news: Receiver<News>,
    pub(super) wish: mpsc::Sender<Wish>,
}
