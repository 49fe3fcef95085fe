//! What reaches for the world: each tells what it got, or the error that it was refused with.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{self, Read};
use std::net::{TcpStream, UdpSocket};
use std::time::SystemTime;
use std::{env, fs};

use engine_sdk::map;

/// The text of the file that the record names.
#[map]
fn reads_file(path: &str) -> io::Result<String> {
    fs::read_to_string(path)
}

/// Writes the file that the record names.
#[map]
fn writes_file(path: &str) -> io::Result<&str> {
    fs::write(path, "I was here\n").map(|()| path)
}

/// The names in the folder that the record names.
#[map]
fn lists_folder(path: &str) -> io::Result<String> {
    let names: Vec<_> = fs::read_dir(path)?
        .map(|entry| Ok(entry?.file_name().display().to_string()))
        .collect::<io::Result<_>>()?;
    Ok(names.join(" "))
}

/// All variables of the environment.
#[map]
fn reads_env(_: &str) -> String {
    env::vars().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// All arguments of the command line.
#[map]
fn reads_args(_: &str) -> String {
    env::args().collect::<Vec<_>>().join(" ")
}

/// All of stdin, which is the records of the run, and none of the guest's business.
#[map]
fn reads_stdin(_: &str) -> io::Result<String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// Connects to the address that the record names, such as `127.0.0.1:1`.
#[map]
fn connects(address: &str) -> io::Result<String> {
    TcpStream::connect(address).map(|_| format!("connected to {address}"))
}

/// Sends a datagram to the address that the record names.
#[map]
fn sends(address: &str) -> io::Result<String> {
    UdpSocket::bind("0.0.0.0:0")?.send_to(b"hello", address).map(|sent| format!("sent {sent}"))
}

/// The seconds since 1970.
#[map]
fn clock(_: &str) -> Result<u64, String> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map(|since| since.as_secs()).map_err(|error| error.to_string())
}

/// What a new hash map makes of the record. The seed is fixed, so that two fresh instances agree
/// on their first record; std counts on from there, so that later ones differ.
#[map]
fn random(record: &str) -> u64 {
    RandomState::new().hash_one(record)
}
