//! Limits as large as they can be.

use std::time::Duration;

use engine::sources;
use tokio::io::AsyncWriteExt;

use super::support::{connected, http, posted};
use crate::support::feeds::{Fed, fed};

#[tokio::test]
async fn huge_limits_are_accepted() {
    let (sender, channel) = sources::channel(usize::MAX);
    sender.send(1).await.unwrap();
    drop(sender);
    assert_eq!(fed::<i64>(channel).await.0, [1]);
    let tcp = sources::tcp("127.0.0.1:0").connections(usize::MAX).bind().await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut fed = Fed::new(tcp);
    connected(address).await.write_all(b"2\n").await.unwrap();
    assert_eq!(fed.next().await, ["2"]);
    fed.stop().await.unwrap();
    let (http, address) =
        http(|http| http.connections(usize::MAX).waiting(usize::MAX).timeout(Duration::MAX)).await;
    let mut fed = Fed::new(http);
    assert_eq!(posted(address, "", "3").await, "202");
    assert_eq!(fed.next().await, ["3"]);
    fed.stop().await.unwrap();
}
