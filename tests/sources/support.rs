//! Helpers: files in a temporary folder, and clients of sources.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use engine::sources;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A temporary folder.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A file with these bytes.
pub(crate) fn file(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

pub(crate) fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

pub(crate) async fn connected(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// The answer to a request, as raw text.
pub(crate) async fn asked(address: SocketAddr, head: &str, body: &[u8]) -> String {
    let mut client = connected(address).await;
    let head = format!("{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    client.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// The status of the answer to a POST.
pub(crate) async fn posted(address: SocketAddr, kind: &str, body: &str) -> String {
    let answer = asked(address, &format!("POST /in HTTP/1.1\r\nContent-Type: {kind}"), body.as_bytes()).await;
    answer.split(' ').nth(1).unwrap().to_owned()
}

pub(crate) async fn http(build: impl FnOnce(sources::Http) -> sources::Http) -> (sources::Http, SocketAddr) {
    let http = build(sources::http("127.0.0.1:0").path("/in")).bind().await.unwrap();
    let address = http.local_addr().unwrap();
    (http, address)
}
