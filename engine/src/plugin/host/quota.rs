//! How much of the disk functions take: each granted folder has a quota that all instances of a pool share.
//!
//! What counts is by how much files grew, as their size says, whatever the file system stores of it. Each new file,
//! folder or link counts as a block. What shrinks or goes away is free again, once no instance holds it open.
//! Files that somebody else removes stay counted.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a new file, folder or link counts at least, in bytes.
const BLOCK: u64 = 4096;

/// A file or folder, by its device and number there.
pub(in crate::plugin) type Inode = (u64, u64);

/// What a pool's functions have written.
#[derive(Default)]
pub(crate) struct Disk {
    state: Mutex<DiskState>,
}

#[derive(Default)]
struct DiskState {
    quotas: HashMap<(PathBuf, u64), Arc<Quota>>,
    files: HashMap<Inode, Entry>,
}

/// What one granted folder may take.
pub(in crate::plugin) struct Quota {
    limit: u64,
    used: Mutex<u64>,
}

/// What is known of a file that an instance holds open, or that grew.
#[derive(Default)]
struct Entry {
    /// No larger than this, unless somebody else made it so.
    size: u64,
    /// What was taken of quotas by its growth, and what else of its making.
    taken: Vec<Taken>,
    /// Operations under way that may make it larger.
    busy: usize,
    /// Changes with each of them.
    turn: u64,
    /// How many instances hold it open.
    open: usize,
    /// It has no name any more.
    gone: bool,
}

struct Taken {
    quota: Arc<Quota>,
    growth: u64,
    fixed: u64,
}

/// The quota is used up.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::plugin) struct Full;

impl Quota {
    fn take(&self, bytes: u64) -> Result<(), Full> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.checked_add(bytes).filter(|used| *used <= self.limit).ok_or(Full)?;
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.saturating_sub(bytes);
    }
}

impl Entry {
    fn taken(&mut self, quota: &Arc<Quota>) -> &mut Taken {
        let place = self.taken.iter().position(|taken| Arc::ptr_eq(&taken.quota, quota));
        let place = place.unwrap_or_else(|| {
            self.taken.push(Taken { quota: quota.clone(), growth: 0, fixed: 0 });
            self.taken.len() - 1
        });
        &mut self.taken[place]
    }

    /// It has this size, and nobody is about to change that.
    fn settle(&mut self, size: u64) {
        let mut freed = self.size.saturating_sub(size);
        self.size = size;
        for taken in &mut self.taken {
            let part = freed.min(taken.growth);
            taken.growth -= part;
            freed -= part;
            taken.quota.give_back(part);
        }
    }

    fn is_over(&self) -> bool {
        let nothing = self.taken.iter().all(|taken| taken.growth == 0 && taken.fixed == 0);
        self.open == 0 && self.busy == 0 && (self.gone || nothing)
    }

    fn free(self) {
        for Taken { quota, growth, fixed } in self.taken {
            quota.give_back(growth.saturating_add(fixed));
        }
    }
}

impl DiskState {
    /// Forgets a file about which there is nothing to know any more.
    fn tidy(&mut self, inode: Inode) {
        if self.files.get(&inode).is_some_and(Entry::is_over)
            && let Some(entry) = self.files.remove(&inode)
        {
            entry.free();
        }
    }
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, DiskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The quota of a granted folder, which is one for all who were granted the same.
    pub(in crate::plugin) fn quota(&self, path: &Path, limit: u64) -> Arc<Quota> {
        let new = || Arc::new(Quota { limit, used: Mutex::default() });
        self.lock().quotas.entry((path.to_owned(), limit)).or_insert_with(new).clone()
    }

    /// What was taken of all quotas, in bytes.
    pub(crate) fn used(&self) -> u64 {
        let used = |quota: &Arc<Quota>| *quota.used.lock().unwrap_or_else(PoisonError::into_inner);
        self.lock().quotas.values().map(used).sum()
    }

    /// An instance holds a file open.
    pub(in crate::plugin) fn hold(self: &Arc<Self>, inode: Inode, size: u64) -> Hold {
        let mut state = self.lock();
        let entry = state.files.entry(inode).or_insert_with(|| Entry { size, ..Entry::default() });
        entry.open += 1;
        drop(state);
        Hold { disk: self.clone(), inode }
    }

    /// Something new is about to be made.
    pub(in crate::plugin) fn make(self: &Arc<Self>, quota: &Arc<Quota>) -> Result<Made, Full> {
        quota.take(BLOCK)?;
        Ok(Made { disk: self.clone(), quota: quota.clone(), pending: true })
    }

    /// A file lost its last name.
    pub(in crate::plugin) fn gone(&self, inode: Inode) {
        let mut state = self.lock();
        if let Some(entry) = state.files.get_mut(&inode) {
            entry.gone = true;
        }
        state.tidy(inode);
    }
}

/// What was taken for something that is being made; it is given back if that fails.
pub(in crate::plugin) struct Made {
    disk: Arc<Disk>,
    quota: Arc<Quota>,
    pending: bool,
}

impl Made {
    /// It was made, and is this.
    pub(in crate::plugin) fn done(mut self, inode: Option<Inode>) {
        self.pending = false;
        if let Some(inode) = inode {
            let mut state = self.disk.lock();
            state.files.entry(inode).or_default().taken(&self.quota).fixed += BLOCK;
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if self.pending {
            self.quota.give_back(BLOCK);
        }
    }
}

/// A file that an instance holds open: what it takes of the disk is taken until then, though it has no name.
pub(in crate::plugin) struct Hold {
    disk: Arc<Disk>,
    inode: Inode,
}

/// By how much an operation may make a file larger.
#[derive(Clone, Copy)]
pub(in crate::plugin) enum Growth {
    /// Up to this size.
    To(u64),
    /// By this number of bytes.
    By(u64),
}

impl Hold {
    /// An operation on `file` begins that may change its size. It blocks as the file system does.
    pub(in crate::plugin) fn change<'a>(
        &'a self,
        file: &'a File,
        quota: &Arc<Quota>,
        growth: Growth,
    ) -> Result<Change<'a>, Full> {
        self.settle(file, 0);
        let mut state = self.disk.lock();
        let entry = state.files.entry(self.inode).or_default();
        let size = match growth {
            Growth::To(size) => size.max(entry.size),
            Growth::By(bytes) => entry.size.checked_add(bytes).ok_or(Full)?,
        };
        let more = size - entry.size;
        quota.take(more)?;
        entry.taken(quota).growth += more;
        entry.size = size;
        entry.busy += 1;
        entry.turn += 1;
        Ok(Change { hold: self, file })
    }

    /// Notes the size that the file has, if nothing but `own` operations may change it meanwhile.
    fn settle(&self, file: &File, own: usize) {
        let turn = |state: &DiskState| {
            state.files.get(&self.inode).filter(|entry| entry.busy == own).map(|entry| entry.turn)
        };
        let before = turn(&self.disk.lock());
        let Ok(metadata) = file.metadata() else { return };
        let mut state = self.disk.lock();
        if before.is_some()
            && turn(&state) == before
            && let Some(entry) = state.files.get_mut(&self.inode)
        {
            entry.settle(metadata.len());
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.disk.lock();
        if let Some(entry) = state.files.get_mut(&self.inode) {
            entry.open -= 1;
        }
        state.tidy(self.inode);
    }
}

/// An operation under way that may change a file's size.
pub(in crate::plugin) struct Change<'a> {
    hold: &'a Hold,
    file: &'a File,
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.hold.settle(self.file, 1);
        let mut state = self.hold.disk.lock();
        if let Some(entry) = state.files.get_mut(&self.hold.inode) {
            entry.busy -= 1;
        }
    }
}
