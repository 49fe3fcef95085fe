//! What gives records to a source.

use std::panic::RefUnwindSafe;
use std::path::Path;

use super::files::{Csv, Fifo, Files, Folder, Followed, Letters, Ndjson};
use super::network::{Http, Nats, Tcp, WebSocket};
use super::process::{Process, Stdin};
use super::run::{Run, keep};

/// How an input comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The source ends with its input.
    Input,
    /// The run must be told to end.
    Signal,
}

/// Records that a source can't read.
pub(super) struct Unreadable {
    /// As they are given.
    pub(super) given: &'static str,
    /// The place that the message names.
    pub(super) place: &'static str,
}

/// A peer that gives records to a source.
pub(super) trait SourcePeer: Send {
    /// The options of the source, with its type.
    fn node(&self) -> String;

    /// Whether records must be given before the run starts.
    fn is_early(&self) -> bool {
        false
    }

    /// Meets a run that has started.
    fn meet(&mut self, run: &mut Run) {
        let _ = run;
    }

    /// Gives records, until the run takes no more. Returns how many the run has said that it took; 0 if it says
    /// nothing.
    fn give(&mut self, records: &[String]) -> usize;

    /// Gives no more.
    fn end(&mut self) -> End;

    /// How the source passes a record on.
    fn shown(&self, record: &str) -> String {
        record.to_owned()
    }

    /// A record that the source can't read, if there is any.
    fn unreadable(&self) -> Option<Unreadable> {
        None
    }

    /// Whether a run or check has come to it.
    fn is_touched(&mut self) -> bool {
        false
    }

    /// The options of a source whose input is missing, and what the message must name.
    fn missing(&self) -> Option<(String, String)> {
        None
    }
}

type Make = fn(&Path) -> Option<Box<dyn SourcePeer>>;

/// All sources that have an input, by name.
pub(super) const PEERS: [(&str, Make); 13] = [
    ("stdin", |_| Some(Box::new(Stdin::default()))),
    ("files", |folder| Some(Box::new(Files::new(folder)))),
    ("files: a FIFO", |folder| Some(Box::new(Fifo::new(folder)))),
    ("files: followed", |folder| Some(Box::new(Followed::new(folder)))),
    ("folder", |folder| Some(Box::new(Folder::new(folder)))),
    ("csv", |folder| Some(Box::new(Csv::new(folder)))),
    ("ndjson", |folder| Some(Box::new(Ndjson::new(folder)))),
    ("letters", |folder| Some(Box::new(Letters::new(folder)))),
    ("process", |folder| Some(Box::new(Process::new(folder)))),
    ("tcp", |_| Some(Box::new(Tcp::default()))),
    ("http", |_| Some(Box::new(Http::default()))),
    ("websocket", |_| Some(Box::new(WebSocket::new()))),
    ("nats", |_| Some(Box::new(Nats::start()?))),
];

/// Tries a promise with all peers, and names those that break it.
pub(super) fn each(promise: impl Fn(&Path, Box<dyn SourcePeer>) + RefUnwindSafe) {
    keep(&PEERS, |folder, make| {
        if let Some(peer) = make(folder) {
            promise(folder, peer);
        }
    });
}
