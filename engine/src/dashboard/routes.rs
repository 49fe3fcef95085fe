//! The routes: what each path answers, and to whom.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use futures_util::stream::unfold;
use tokio::net::TcpListener;

use super::guard::{Refused, in_address};
use super::server::{INTERVAL, Shared, Update};
use super::{page, prometheus};
use crate::Monitor;
use crate::connections::{ConnectionLimit, Http, accept};
use crate::deadlines::{PAGE, PAGE_END};
use crate::metrics::{History, Lane, RunState, Snapshot, Status};

/// The most connections at once; others wait.
const CONNECTIONS: usize = 256;

/// The most connections that follow the run's events, so that others find room.
pub(super) const FOLLOWERS: usize = 200;

/// The time for sending what was written last.
const LAST: Duration = Duration::from_millis(20);

type SharedState = State<Arc<Shared>>;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src \
                      'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Answers with a file that the page needs.
fn asset<S: Clone + Send + Sync + 'static>(kind: &'static str, text: &'static str) -> MethodRouter<S> {
    get(move || async move { ([(header::CONTENT_TYPE, kind)], text) })
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Serves requests until the dashboard is dropped.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let seen = Router::new()
        .route("/", get(|| async { (StatusCode::SEE_OTHER, [(header::LOCATION, "/status")]) }))
        .route("/status", get(status_page))
        .route("/page.css", asset(CSS, page::STYLE))
        .route("/page.js", asset(JS, page::SCRIPT))
        .route("/uplot.css", asset(CSS, page::CHART_STYLE))
        .route("/uplot.js", asset(JS, page::CHART_SCRIPT))
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/calls", get(calls))
        .route("/api/v1/history", get(history))
        .route("/api/v1/snapshot", get(snapshot))
        .route("/api/v1/events", get(events))
        .route("/api/v1/schema", get(schema))
        .fallback(async || (StatusCode::NOT_FOUND, "not found: the page is at /status\n"))
        .layer(from_fn_with_state(shared.clone(), see));
    let controls = Router::new()
        .route("/api/v1/pause", action(Monitor::pause))
        .route("/api/v1/resume", action(Monitor::resume))
        .route("/api/v1/drain", action(Monitor::drain))
        .route("/api/v1/stop", post(stop))
        .route_layer(from_fn_with_state(shared.clone(), control));
    // It needs no token: it tells nothing of the run.
    let health = Router::new().route("/health", get(async || safe("ok\n".into_response())));
    let router = seen.merge(controls).merge(health).with_state(shared.clone());
    let stop = shared.stop.clone();
    let limit = ConnectionLimit::new(CONNECTIONS);
    let http = Http::new(PAGE, limit.clone(), router, stop.clone());
    let serving =
        accept(listener, limit, stop.clone(), move |connection, peer| http.clone().serve(connection, peer));
    let ended = async {
        stop.cancelled().await;
        // Clients that follow the run get its end. Idle connections are not waited for.
        if shared.followers.available_permits() < FOLLOWERS {
            let all = u32::try_from(FOLLOWERS).unwrap_or(u32::MAX);
            let _ = PAGE_END.within("the dashboard's clients", shared.followers.acquire_many(all)).await;
            tokio::time::sleep(LAST).await;
        }
    };
    tokio::select! {
        () = async { tokio::join!(serving, publish(&shared)); } => {}
        // Clients that do not read are not waited for.
        () = ended => {}
    }
}

/// Reads the monitor at intervals, so that its rates are known, and publishes snapshots for the clients that follow
/// the run, the end as the last.
async fn publish(shared: &Shared) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let is_last = tokio::select! {
            _ = ticks.tick() => false,
            () = shared.stop.cancelled() => true,
        };
        if shared.latest.receiver_count() == 0 {
            shared.monitor.sample();
        } else {
            shared.latest.send_replace(Update { json: json(&shared.monitor.snapshot()), is_last });
        }
        if is_last {
            return;
        }
    }
}

fn json(snapshot: &Snapshot) -> Arc<str> {
    serde_json::to_string(snapshot).expect("these are texts and numbers").into()
}

/// What each path below `/api/v1/` answers.
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Api {
    /// The run at this moment.
    status: Status,
    /// The calls of the last seconds, by thread.
    calls: Vec<Lane>,
    /// Both, how fast the run is, and the diagnosis.
    snapshot: Snapshot,
    /// Snapshots, several per second: the data of each event.
    events: Snapshot,
    /// Records in and out since the start.
    history: History,
}

async fn see(State(shared): SharedState, request: Request, next: Next) -> Response {
    match shared.guard.may_see(request.headers(), request.uri()) {
        Ok(()) => safe(next.run(request).await),
        Err(refused) => refused.into_response(),
    }
}

async fn control(State(shared): SharedState, request: Request, next: Next) -> Response {
    match shared.guard.may_control(request.headers(), request.uri()) {
        Ok(()) => safe(next.run(request).await),
        Err(refused) => refused.into_response(),
    }
}

/// Adds the headers that protect the page in a browser.
fn safe(mut response: Response) -> Response {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (code, why) = match self {
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "refused: the request comes from another site, or names another host\n",
            ),
            Self::Unknown => {
                (StatusCode::UNAUTHORIZED, "open the whole address that the run printed, with its token\n")
            }
        };
        safe((code, why).into_response())
    }
}

/// Answers with the page. A token in the address becomes a cookie, so that the browser's history does not keep it.
async fn status_page(State(shared): SharedState, headers: HeaderMap, uri: Uri) -> Response {
    if let Some(token) = in_address(&uri).filter(|token| shared.guard.is(token)) {
        let cookie = format!("{}={token}; Path=/; HttpOnly; SameSite=Lax", shared.guard.cookie());
        return (
            StatusCode::SEE_OTHER,
            [(header::SET_COOKIE, cookie), (header::LOCATION, "/status".to_owned())],
        )
            .into_response();
    }
    let page = page::live(shared.guard.has_token(&headers, &uri));
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

/// Does something to a run that goes on.
fn action(does: fn(&Monitor)) -> MethodRouter<Arc<Shared>> {
    post(async move |State(shared): SharedState| {
        if shared.monitor.status().run.state.is_end() {
            return HAS_ENDED.into_response();
        }
        does(&shared.monitor);
        StatusCode::OK.into_response()
    })
}

/// Stops the run, or closes a page that is held after the end. A run that was stopped already stays.
async fn stop(State(shared): SharedState) -> Response {
    if shared.monitor.status().run.state == RunState::Stopped {
        return HAS_ENDED.into_response();
    }
    shared.monitor.stop();
    StatusCode::OK.into_response()
}

const HAS_ENDED: (StatusCode, &str) = (StatusCode::CONFLICT, "the run has ended\n");

async fn status(State(shared): SharedState) -> Response {
    json_of(&shared.monitor.status())
}

async fn calls(State(shared): SharedState) -> Response {
    json_of(&shared.monitor.snapshot().lanes)
}

async fn snapshot(State(shared): SharedState) -> Response {
    json_of(&shared.monitor.snapshot())
}

async fn history(State(shared): SharedState) -> Response {
    json_of(&shared.monitor.history())
}

async fn schema() -> Response {
    json_of(&schemars::schema_for!(Api))
}

fn json_of(value: &impl serde::Serialize) -> Response {
    let body = serde_json::to_string(value).expect("these are texts and numbers");
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn metrics(State(shared): SharedState) -> Response {
    let text = prometheus::text(&shared.monitor);
    ([(header::CONTENT_TYPE, prometheus::CONTENT_TYPE)], text).into_response()
}

/// Sends snapshots as they come. A slow client misses some of them.
async fn events(State(shared): SharedState) -> Response {
    let Ok(permit) = shared.followers.clone().try_acquire_owned() else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many clients follow this run already: close one of them\n",
        )
            .into_response();
    };
    let receiver = shared.latest.subscribe();
    let first = Update { json: json(&shared.monitor.snapshot()), is_last: shared.stop.is_cancelled() };
    let stream =
        unfold((Some(first), receiver, false, permit), |(first, mut receiver, ended, permit)| async move {
            if ended {
                return None;
            }
            let Update { json, is_last } = match first {
                Some(first) => first,
                None => {
                    receiver.changed().await.ok()?;
                    receiver.borrow_and_update().clone()
                }
            };
            Some((Ok::<_, Infallible>(Event::default().data(&*json)), (None, receiver, is_last, permit)))
        });
    Sse::new(stream).into_response()
}
