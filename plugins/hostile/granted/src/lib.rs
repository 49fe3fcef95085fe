//! Functions that reach for the world and say so: with a grant they work, and reach nothing else.

use std::collections::hash_map::RandomState;
use std::env;
use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::hash::BuildHasher;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::time::SystemTime;

use engine_sdk::map;

/// The text of the file that the record names.
#[map(needs("dir"))]
fn reads(path: &str) -> io::Result<String> {
    fs::read_to_string(path)
}

/// Writes the file that the record names.
#[map(needs("dir"))]
fn writes(path: &str) -> io::Result<&str> {
    fs::write(path, "I was here\n").map(|()| path)
}

/// Makes the file that the record names 512 MiB long, and writes a byte at its end. Tells what happens.
#[map(needs("dir"))]
fn grows(path: &str) -> io::Result<String> {
    let file = fs::File::create(path)?;
    let (length, end) = (file.set_len(1 << 29), (1 << 29) - 1);
    let written =
        file.set_len(0).and_then(|()| (&file).seek(SeekFrom::Start(end))).and_then(|_| (&file).write(b"x"));
    let told =
        |what: Result<(), io::Error>| what.map_or_else(|error| error.to_string(), |()| "done".to_owned());
    Ok(format!("{}; {}", told(length), told(written.map(drop))))
}

/// Makes a file for the record, which must not be there yet, and panics at those that begin with `bad`.
#[map(needs("dir"))]
fn makes<'r>(record: &'r str, folder: &str) -> io::Result<&'r str> {
    OpenOptions::new().write(true).create_new(true).open(format!("{folder}/{record}"))?;
    assert!(!record.starts_with("bad"), "I don't like `{record}`");
    Ok(record)
}

/// All variables of the environment.
#[map(needs("env:ENGINE_GRANTED"))]
fn variables(_: &str) -> String {
    env::vars().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// The seconds since 1970.
#[map(needs("clock"))]
fn now(_: &str) -> Result<u64, String> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map(|since| since.as_secs()).map_err(|error| error.to_string())
}

/// What a new hash map makes of the record.
#[map(needs("random"))]
fn draws(record: &str) -> u64 {
    RandomState::new().hash_one(record)
}

/// What the listener at the address that the record names sends.
#[map(needs("net"))]
fn hears(address: &str) -> io::Result<String> {
    let mut said = String::new();
    TcpStream::connect(address)?.read_to_string(&mut said)?;
    Ok(said)
}

/// Does what the record says with a folder: `read PATH`, `write PATH TEXT`, `rename FROM TO`, `link TARGET PATH`.
/// Other records come back as they are.
#[map(needs("dir"))]
fn acts(record: &str) -> io::Result<String> {
    match record.split(' ').collect::<Vec<_>>()[..] {
        ["read", path] => return fs::read_to_string(path),
        ["write", path, text] => fs::write(path, format!("{text}\n"))?,
        ["rename", from, to] => fs::rename(from, to)?,
        ["link", target, path] => link(target, path)?,
        ["touch", path] => touch(path, 0)?,
        ["touch-itself", path] => touch(path, 1)?,
        ["append", path] => drop(fs::File::options().append(true).create(true).open(path)?),
        _ => {}
    }
    Ok(record.to_owned())
}

unsafe extern "C" {
    fn symlink(target: *const i8, path: *const i8) -> i32;
    fn utimensat(folder: i32, path: *const i8, times: *const u8, flags: i32) -> i32;
}

/// std has links of WASI only unstably.
fn link(target: &str, path: &str) -> io::Result<()> {
    let (target, path) = (CString::new(target)?, CString::new(path)?);
    // SAFETY: both are C strings that live until it returns.
    match unsafe { symlink(target.as_ptr().cast(), path.as_ptr().cast()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sets the times of a file, or of a link itself, to now.
fn touch(path: &str, flags: i32) -> io::Result<()> {
    const HERE: i32 = -2;
    let path = CString::new(path)?;
    // SAFETY: it is a C string that lives until it returns, and without times it takes those of now.
    match unsafe { utimensat(HERE, path.as_ptr().cast(), std::ptr::null(), flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
