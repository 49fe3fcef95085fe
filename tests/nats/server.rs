//! The tests' own server.

use async_nats::jetstream;

use super::support::stream;
use crate::support::nats_server::NatsServer;

#[tokio::test]
async fn a_killed_server_keeps_what_it_acknowledged() {
    let Some(mut server) = NatsServer::start() else { return };
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = jetstream::new(client);
    context.create_stream(stream("numbers", "numbers")).await.unwrap();
    context.publish("numbers", "1".into()).await.unwrap().await.unwrap();

    server.restart();
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut stream = jetstream::new(client).get_stream("numbers").await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 1);
}

#[tokio::test]
async fn a_server_may_require_credentials() {
    let Some(server) = NatsServer::start_with("authorization { token: open }") else { return };
    assert!(async_nats::connect(server.url()).await.is_err());
    assert!(async_nats::ConnectOptions::with_token("open".into()).connect(server.url()).await.is_ok());
}
