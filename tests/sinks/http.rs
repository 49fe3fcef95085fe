//! Records posted to HTTP servers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::checkpoint::CheckpointedGraph;
use engine::{Error, Source, sinks};
use tokio::sync::{Notify, Semaphore};

use crate::support::{divert_to_list, put};

/// A server that gives these answers, then 200, and keeps the requests.
pub(crate) struct Server {
    pub(crate) url: String,
    bodies: Arc<Mutex<Vec<String>>>,
    kinds: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn new(answers: impl IntoIterator<Item = (u16, Option<&'static str>)>) -> Self {
        let (bodies, kinds) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let (asked, told) = (bodies.clone(), kinds.clone());
        let answer = move |headers: axum::http::HeaderMap, body: String| {
            asked.lock().unwrap().push(body);
            let header = |name| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
            told.lock().unwrap().push(header("content-type") + &header("x-key"));
            let (status, after) = answers.lock().unwrap().pop_front().unwrap_or((200, None));
            let after = after.map(|after| [("retry-after", after)]);
            let status = axum::http::StatusCode::from_u16(status).unwrap();
            std::future::ready((status, after.map(axum::response::AppendHeaders), ""))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/in", axum::routing::post(answer));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, bodies, kinds }
    }

    fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_post_is_retried_until_it_succeeds() {
    let server = Server::new([(503, None), (429, Some("1"))]).await;
    let begun = std::time::Instant::now();
    put([1, 2], sinks::http(&server.url).header("x-key", ":k")).await.unwrap();
    assert_eq!(server.bodies(), ["1", "1", "1", "2"]);
    assert!(begun.elapsed() >= Duration::from_millis(1100), "it waits for as long as it was asked to");
    assert_eq!(server.kinds.lock().unwrap()[0], "application/octet-stream:k");
}

#[tokio::test]
async fn answers_that_ask_for_another_try_are_not_faults() {
    let server = Server::new([(408, None), (425, None)]).await;
    put([1], sinks::http(&server.url)).await.unwrap();
    assert_eq!(server.bodies(), ["1", "1", "1"]);
    let (policy, letters) = divert_to_list();
    let server = Server::new([(408, None)]).await;
    put([1], sinks::http(&server.url).retries(0).on_fault(&policy)).await.unwrap();
    assert!(letters.read()[0].fault.to_string().ends_with("answered 408 Request Timeout"));
}

#[tokio::test]
async fn retry_after_may_be_a_date() {
    let at = std::time::SystemTime::now() + Duration::from_secs(2);
    let date: &str = httpdate::fmt_http_date(at).leak();
    let server = Server::new([(503, Some(date))]).await;
    put([1], sinks::http(&server.url)).await.unwrap();
    // A date has no parts of seconds.
    assert!(std::time::SystemTime::now() >= at - Duration::from_secs(1), "it waits for the date");
    assert_eq!(server.bodies(), ["1", "1"]);
    let server = Server::new([(503, Some("Sun, 06 Nov 1994 08:49:37 GMT"))]).await;
    put([1], sinks::http(&server.url)).await.unwrap();
    assert_eq!(server.bodies(), ["1", "1"]);
}

#[tokio::test]
async fn a_checkpoint_does_not_wait_for_records_whose_emit_was_dropped() {
    let (gate, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let (its_gate, its_arrived) = (gate.clone(), arrived.clone());
    let answer = move || {
        its_arrived.notify_one();
        let gate = its_gate.clone();
        async move { gate.acquire().await.unwrap().forget() }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/", axum::routing::post(answer));
    tokio::spawn(axum::serve(listener, router).into_future());
    let source = Arc::new(Source::new());
    source.stream().sink(sinks::http(&url));
    let graph = CheckpointedGraph::new().source("source", &source);
    drop(graph.begin().await.unwrap());
    source.emit(0).await.unwrap();
    arrived.notified().await;
    // What follows fills the sink until an emit waits, which is dropped.
    while tokio::time::timeout(Duration::from_millis(50), source.emit(1)).await.is_ok() {}
    gate.add_permits(100);
    let cut = tokio::time::timeout(Duration::from_secs(10), graph.cut()).await;
    cut.expect("all that the sink took is sent").unwrap();
    source.close().await.unwrap();
}

#[tokio::test]
async fn a_record_rejected_by_a_server_becomes_a_dead_letter() {
    let server = Server::new([(200, None), (422, None), (302, None), (500, None), (500, None)]).await;
    let (policy, letters) = divert_to_list();
    put([1, 2, 3, 4, 5], sinks::http(&server.url).retries(1).on_fault(&policy)).await.unwrap();
    assert_eq!(server.bodies(), ["1", "2", "3", "4", "4", "5"]);
    let letters: Vec<_> = letters.read().into_iter().map(|l| (l.fault.to_string(), l.attempts)).collect();
    let said = |status| format!("{} answered {status}", server.url);
    assert_eq!(
        letters,
        [
            (format!("record 2: http: {}", said("422 Unprocessable Entity")), 1),
            (format!("record 3: http: {}", said("302 Found")), 1),
            (format!("record 4: http: {}", said("500 Internal Server Error")), 2),
        ]
    );
    let server = Server::new([(400, None)]).await;
    let ended = put([1, 2, 3], sinks::http(&server.url)).await.unwrap_err();
    assert!(matches!(ended, Error::Fault(fault) if fault.record == 1));
}

#[tokio::test]
async fn records_are_posted_in_full_batches_or_at_the_end() {
    let server = Server::new([]).await;
    let within = Duration::from_secs(3600);
    put(1..=5, sinks::http(&server.url).batches(2, within)).await.unwrap();
    assert_eq!(server.bodies(), ["1\n2\n", "3\n4\n", "5\n"]);
    assert_eq!(server.kinds.lock().unwrap()[0], "application/x-ndjson");
    let server = Server::new([]).await;
    put(1..=3, sinks::http(&server.url).batches(2, within).array(true).in_flight(2)).await.unwrap();
    let mut bodies = server.bodies();
    bodies.sort();
    assert_eq!(bodies, ["[1,2]", "[3]"]);
    let (policy, letters) = divert_to_list();
    let array = sinks::http(&server.url).batches(3, within).array(true).on_fault(&policy);
    put(["4", "x", "5"].map(str::to_owned), array).await.unwrap();
    assert_eq!(server.bodies()[2..], ["[4,5]"]);
    assert_eq!(&*letters.read()[0].record, b"x");
    let server = Server::new([]).await;
    let source = Source::new();
    source.stream().sink(sinks::http(&server.url).batches(1000, Duration::from_millis(20)));
    source.emit(1).await.unwrap();
    while server.bodies().is_empty() {
        tokio::task::yield_now().await;
    }
    source.close().await.unwrap();
    assert_eq!(server.bodies(), ["1\n"]);
}

#[tokio::test]
async fn an_unreachable_server_ends_the_run() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let ended = put(0.., sinks::http(&url).retries(1)).await.unwrap_err();
    assert_eq!(ended.to_string(), format!("can't post to {url}"));
    let wrong = put([1], sinks::http("no url")).await.unwrap_err();
    assert_eq!(wrong.to_string(), "can't post to no url");
}

#[tokio::test]
async fn a_slow_server_slows_the_source_down() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let source = Source::new();
    source.stream().sink(sinks::http(&url));
    // It listens and does not answer: one record is in flight, one waits, and one more.
    let emitted = async {
        loop {
            source.emit(1).await.unwrap();
        }
    };
    tokio::select! {
        () = emitted => {}
        _ = tokio::time::timeout(Duration::from_millis(200), std::future::pending::<()>()) => {}
    }
    let counts = source.progress().counts();
    assert!(counts.emitted <= 4 && counts.delivered == 0, "{counts:?}");
}

#[tokio::test]
async fn post_errors_contain_no_secrets() {
    let server = Server::new([(422, None)]).await;
    let secret = format!("{}?token=secret#secret", server.url.replace("//", "//me:secret@"));
    let error = put([1], sinks::http(&secret)).await.unwrap_err();
    let said = format!("record 1: http: {} answered 422 Unprocessable Entity", server.url);
    assert_eq!(error.to_string(), said);
    let gone = "http://me:secret@127.0.0.1:1/in?token=secret";
    let error = put([1], sinks::http(gone).retries(0)).await.unwrap_err();
    assert_eq!(error.to_string(), "can't post to http://127.0.0.1:1/in");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    let error = put([1], sinks::http("http://me:secret@:0/?secret")).await.unwrap_err();
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    let socket = sinks::websocket(gone.replace("http", "ws")).retries(0);
    let error = put([1], socket).await.unwrap_err();
    assert_eq!(error.to_string(), "lost the connection to ws://127.0.0.1:1/in");
}
