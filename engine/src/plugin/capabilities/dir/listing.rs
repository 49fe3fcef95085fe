//! The names in a folder, read as the guest asks for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use cap_primitives::fs::ReadDir;
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorType, DirectoryEntry, ErrorCode};

use super::context::{FileContext, Open};
use super::convert::kind;
use super::node::Node;
use crate::plugin::host::resources::{Charge, Resource};

/// Names that are read at once: as many as fit in what is charged, however long they are.
const NAMES: usize = 64;

/// What a listing takes: the names that were read, and what the system reads them into.
const BYTES: usize = 64 << 10;

/// A folder and a place in it.
const DESCRIPTORS: usize = 2;

/// Names that the guest asks for one by one.
pub(super) struct Listing {
    context: Arc<FileContext>,
    inside: Arc<Open<Inside>>,
    read: VecDeque<Result<DirectoryEntry, ErrorCode>>,
    ended: bool,
}

/// Dropped in this order: what it takes is free when it is closed.
struct Inside {
    entries: Mutex<ReadDir>,
    _charges: [Charge; 2],
}

impl Listing {
    pub(super) async fn open(folder: Node, context: &Arc<FileContext>) -> Result<Self, ErrorCode> {
        let charges = [context.descriptors(DESCRIPTORS).await?, context.charge(Resource::Buffers, BYTES)?];
        let opener = context.clone();
        let open = move || {
            let entries = Mutex::new(cap_primitives::fs::read_base_dir(folder.as_file())?);
            Ok(Arc::new(Open::new(Inside { entries, _charges: charges }, Some(&opener))))
        };
        let inside = context.run(open).await?;
        Ok(Self { context: context.clone(), inside, read: VecDeque::new(), ended: false })
    }

    pub(super) async fn next(&mut self) -> Result<Option<DirectoryEntry>, ErrorCode> {
        if self.read.is_empty() && !self.ended {
            let inside = self.inside.clone();
            let more = self.context.run(move || {
                let mut entries = inside.entries.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(entries.by_ref().take(NAMES).map(entry).collect::<VecDeque<_>>())
            });
            self.read = more.await?;
            self.ended = self.read.len() < NAMES;
        }
        self.read.pop_front().transpose()
    }
}

fn entry(entry: std::io::Result<cap_primitives::fs::DirEntry>) -> Result<DirectoryEntry, ErrorCode> {
    let entry = entry?;
    let type_ = match kind(entry.file_type()?) {
        // Not every file system tells it with the name.
        DescriptorType::Unknown => kind(entry.metadata()?.file_type()),
        type_ => type_,
    };
    let name = entry.file_name().into_string().map_err(|_| ErrorCode::IllegalByteSequence)?;
    Ok(DirectoryEntry { type_, name })
}
