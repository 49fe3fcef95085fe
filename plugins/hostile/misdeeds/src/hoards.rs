//! What takes of the host beside memory: files, folders, disk. They need a folder to do it in.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::time::Duration;

use engine_sdk::map;

/// Opens what the record names, and says how it went. With `rw` it would write there too.
#[map(needs("dir"), rw = false)]
fn opens(path: &str, rw: bool) -> String {
    match OpenOptions::new().read(true).write(rw).open(path) {
        Ok(_) => "opened".into(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// Opens the file at `path` again and again and keeps it, and says how often it could and why no more. Then it
/// lets go of all of them, unless the record says that it `keeps` them.
#[map(needs("dir"))]
fn hoards(record: &str, path: &str) -> String {
    let mut held = Vec::new();
    let refused = loop {
        match File::open(path) {
            Ok(file) => held.push(file),
            Err(error) => break error,
        }
    };
    let count = held.len();
    if record == "keeps" {
        std::mem::forget(held);
    }
    format!("{count} {:?}", refused.kind())
}

/// Begins to list the folder at `path` as often as it may, and keeps all lists.
#[map(needs("dir"))]
fn lists(record: &str, path: &str) -> String {
    let mut held = Vec::new();
    let mut refused = None;
    while held.len() < 900 && refused.is_none() {
        match fs::read_dir(path).map(|mut entries| (entries.next().is_some(), entries)) {
            Ok((true, entries)) => held.push(entries),
            Ok((false, _)) => return "it is empty".into(),
            Err(error) => refused = Some(error.kind()),
        }
    }
    let some = held.len().min(1);
    std::mem::forget(held);
    format!("{record}: {some} {}", refused.is_some())
}

/// How many names the folder at the record has.
#[map(needs("dir"))]
fn counts_names(path: &str) -> io::Result<usize> {
    fs::read_dir(path)?.try_fold(0, |count, entry| entry.map(|_| count + 1))
}

/// Makes a file of `bytes` at the path that the record names, without writing any of them.
#[map(needs("dir"))]
fn stretches(path: &str, bytes: u64) -> io::Result<&str> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path)?.set_len(bytes)?;
    Ok(path)
}

/// Writes one byte at a far place of the file that the record names.
#[map(needs("dir"))]
fn writes_far(path: &str, place: u64) -> io::Result<&str> {
    let mut file = File::create(path)?;
    file.seek(SeekFrom::Start(place))?;
    file.write_all(b"x")?;
    Ok(path)
}

/// Writes to the file that the record names until it is refused, and says how much it could.
#[map(needs("dir"), append = false)]
fn fills(path: &str, append: bool) -> io::Result<String> {
    let mut options = OpenOptions::new();
    let mut file = if append { options.append(true) } else { options.write(true) }.create(true).open(path)?;
    let block = vec![7; 64 << 10];
    let mut written = 0_u64;
    loop {
        match file.write(&block) {
            Ok(part) => written += part as u64,
            Err(_) => return Ok(written.to_string()),
        }
    }
}

/// Makes files in the folder that the record names until it is refused, and says how many it could.
#[map(needs("dir"))]
fn litters(path: &str) -> String {
    let mut count = 0;
    loop {
        match File::create(format!("{path}/{count}")) {
            Ok(_) => count += 1,
            Err(error) => return format!("{count} {:?}", error.kind()),
        }
    }
}

/// Writes `bytes` to a file and puts it in the place of the one that the record names, as careful programs do.
#[map(needs("dir"))]
fn replaces(path: &str, bytes: usize) -> io::Result<&str> {
    let new = format!("{path}.new");
    fs::write(&new, vec![7; bytes])?;
    fs::rename(&new, path)?;
    Ok(path)
}

/// Writes `bytes` to a file, removes it and keeps it open, again and again, until it is refused.
#[map(needs("dir"))]
fn hides(path: &str, bytes: usize) -> io::Result<String> {
    let mut held = Vec::new();
    loop {
        let mut file = File::create(path)?;
        if file.write_all(&vec![7; bytes]).is_err() {
            return Ok(held.len().to_string());
        }
        fs::remove_file(path)?;
        held.push(file);
    }
}

/// Waits for a connection that brings nothing.
fn wait(stream: &mut TcpStream) {
    let limited = stream.set_read_timeout(Some(Duration::from_millis(1)));
    assert!(limited.is_ok() && stream.read(&mut [0]).is_err());
}

/// Connects to `address` again and again and keeps all connections, and says how often it could. If the record says
/// that it `waits`, it then waits for each.
#[map(needs("net"))]
fn hoards_connections(record: &str, address: &str) -> String {
    let mut held = Vec::new();
    let refused = loop {
        match TcpStream::connect(address) {
            Ok(stream) => held.push(stream),
            Err(error) => break error,
        }
    };
    let count = held.len();
    if record == "waits" {
        held.iter_mut().for_each(wait);
    }
    if record == "keeps" {
        std::mem::forget(held);
    }
    format!("{count} {:?}", refused.kind())
}
