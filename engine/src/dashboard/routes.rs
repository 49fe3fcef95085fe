//! What is at which path.

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
use super::{INTERVAL, Latest, Shared, page, prometheus};
use crate::Monitor;
use crate::connections::{ConnectionLimit, Http, accept};
use crate::deadlines::{PAGE, PAGE_END};
use crate::metrics::{History, Lane, RunState, Snapshot, Status};

/// So many connections are served at once, others wait.
const CONNECTIONS: usize = 256;

/// And so many of them follow what goes on: others find room.
pub(super) const FOLLOWERS: usize = 200;

/// What was written last is on its way within this time.
const LAST: Duration = Duration::from_millis(20);

type Known = State<Arc<Shared>>;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src \
                      'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file that the page needs.
fn asset<S: Clone + Send + Sync + 'static>(kind: &'static str, text: &'static str) -> MethodRouter<S> {
    get(move || async move { ([(header::CONTENT_TYPE, kind)], text) })
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Serves until the dashboard ends.
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
        .fallback(async || (StatusCode::NOT_FOUND, "there is nothing here\n"))
        .layer(from_fn_with_state(shared.clone(), see));
    let controls = Router::new()
        .route("/api/v1/pause", wish(Monitor::pause))
        .route("/api/v1/resume", wish(Monitor::resume))
        .route("/api/v1/drain", wish(Monitor::drain))
        .route("/api/v1/stop", post(stop))
        .route_layer(from_fn_with_state(shared.clone(), control));
    // Whether it is there may be asked by anybody.
    let health = Router::new().route("/health", get(async || safe("ok\n".into_response())));
    let router = seen.merge(controls).merge(health).with_state(shared.clone());
    let stop = shared.stop.clone();
    let limit = ConnectionLimit::new(CONNECTIONS);
    let http = Http::new(PAGE, limit.clone(), router, stop.clone());
    let serving =
        accept(listener, limit, stop.clone(), move |connection, peer| http.clone().serve(connection, peer));
    let ended = async {
        stop.cancelled().await;
        // Those who follow hear of the end; who only holds a connection is not waited for.
        if shared.followers.available_permits() < FOLLOWERS {
            let all = u32::try_from(FOLLOWERS).unwrap_or(u32::MAX);
            let _ = PAGE_END.within("who follows", shared.followers.acquire_many(all)).await;
            tokio::time::sleep(LAST).await;
        }
    };
    tokio::select! {
        () = async { tokio::join!(serving, tell(&shared)); } => {}
        // Who does not read is not waited for.
        () = ended => {}
    }
}

/// Looks at the run now and then, so that its paces are known, and tells those who wait for it; the end at last.
async fn tell(shared: &Shared) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let ends = tokio::select! {
            _ = ticks.tick() => false,
            () = shared.stop.cancelled() => true,
        };
        if shared.latest.receiver_count() == 0 {
            shared.monitor.look();
        } else {
            shared.latest.send_replace(Latest { told: told(&shared.monitor.snapshot()), ends });
        }
        if ends {
            return;
        }
    }
}

fn told(snapshot: &Snapshot) -> Arc<str> {
    serde_json::to_string(snapshot).expect("these are texts and numbers").into()
}

/// What is told at which path below `/api/v1/`.
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "it is for the schema alone")]
struct Api {
    /// The run at this moment.
    status: Status,
    /// The calls of the last seconds, thread by thread.
    calls: Vec<Lane>,
    /// Both, how fast the run goes, and what that means.
    snapshot: Snapshot,
    /// Snapshots, some times a second: the data of each event.
    events: Snapshot,
    /// The whole run in few moments.
    history: History,
}

async fn see(State(shared): Known, request: Request, next: Next) -> Response {
    match shared.guard.may_see(request.headers(), request.uri()) {
        Ok(()) => safe(next.run(request).await),
        Err(refused) => refused.into_response(),
    }
}

async fn control(State(shared): Known, request: Request, next: Next) -> Response {
    match shared.guard.may_control(request.headers(), request.uri()) {
        Ok(()) => safe(next.run(request).await),
        Err(refused) => refused.into_response(),
    }
}

/// What the browser is told about every answer.
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
            Self::Foreign => (StatusCode::FORBIDDEN, "this is for the run's own page\n"),
            Self::Unknown => {
                (StatusCode::UNAUTHORIZED, "open the address that the run has printed, with its token\n")
            }
        };
        safe((code, why).into_response())
    }
}

/// The page. A token in its address becomes a cookie, so that it does not stay in the browser's history.
async fn status_page(State(shared): Known, headers: HeaderMap, uri: Uri) -> Response {
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

/// What somebody wants of a run that goes on.
fn wish(does: fn(&Monitor)) -> MethodRouter<Arc<Shared>> {
    post(async move |State(shared): Known| {
        if shared.monitor.status().run.state.is_end() {
            return HAS_ENDED.into_response();
        }
        does(&shared.monitor);
        StatusCode::OK.into_response()
    })
}

/// A page that is held after the end goes, unless it is the end that was wanted.
async fn stop(State(shared): Known) -> Response {
    if shared.monitor.status().run.state == RunState::Stopped {
        return HAS_ENDED.into_response();
    }
    shared.monitor.stop();
    StatusCode::OK.into_response()
}

const HAS_ENDED: (StatusCode, &str) = (StatusCode::CONFLICT, "the run has ended\n");

async fn status(State(shared): Known) -> Response {
    json_of(&shared.monitor.status())
}

async fn calls(State(shared): Known) -> Response {
    json_of(&shared.monitor.snapshot().lanes)
}

async fn snapshot(State(shared): Known) -> Response {
    json_of(&shared.monitor.snapshot())
}

async fn history(State(shared): Known) -> Response {
    json_of(&shared.monitor.history())
}

async fn schema() -> Response {
    json_of(&schemars::schema_for!(Api))
}

fn json_of(value: &impl serde::Serialize) -> Response {
    let body = serde_json::to_string(value).expect("these are texts and numbers");
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn metrics(State(shared): Known) -> Response {
    let text = prometheus::text(&shared.monitor);
    ([(header::CONTENT_TYPE, prometheus::CONTENT_TYPE)], text).into_response()
}

/// The latest status as it changes: one that was not read before the next one came is left out.
async fn events(State(shared): Known) -> Response {
    let Ok(place) = shared.followers.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many follow this run already\n").into_response();
    };
    let receiver = shared.latest.subscribe();
    let first = Latest { told: told(&shared.monitor.snapshot()), ends: shared.stop.is_cancelled() };
    let stream =
        unfold((Some(first), receiver, false, place), |(first, mut receiver, ended, place)| async move {
            if ended {
                return None;
            }
            let Latest { told, ends } = match first {
                Some(first) => first,
                None => {
                    receiver.changed().await.ok()?;
                    receiver.borrow_and_update().clone()
                }
            };
            Some((Ok::<_, Infallible>(Event::default().data(&*told)), (None, receiver, ends, place)))
        });
    Sse::new(stream).into_response()
}
