//! What an administrator says of a worker.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::cluster::description::Machine;
use crate::cluster::random::random;
use crate::deadlines::DRAIN;
use crate::{Capability, Pool};

/// Such processes at once, or one for each core if there are more cores: functions may wait.
const FEWEST: usize = 8;

/// What a worker is given at its start.
#[derive(Clone, Debug)]
pub(in crate::cluster) struct Options {
    pub(in crate::cluster) pool: Pool,
    pub(in crate::cluster) name: String,
    /// What functions may have.
    pub(in crate::cluster) allowed: Vec<Capability>,
    /// How a task is run that may have killed workers.
    pub(in crate::cluster) isolation: Option<Isolation>,
    /// The folder of plugins.
    pub(in crate::cluster) folder: PathBuf,
    /// How long what was begun may take when the worker leaves.
    pub(in crate::cluster) drain: Duration,
}

impl Options {
    pub(in crate::cluster) fn new(pool: &Pool, folder: PathBuf) -> Self {
        let machine = Machine::this();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name: String = machine.name.chars().map(|c| if fits(c) { c } else { '-' }).collect();
        Self {
            pool: pool.clone(),
            name: format!("{name}-{}-{:04x}", machine.process, random() & 0xffff),
            allowed: Vec::new(),
            isolation: None,
            folder,
            drain: DRAIN.time,
        }
    }
}

/// The program that runs a task in isolation.
#[derive(Clone, Debug)]
pub(in crate::cluster) struct Isolation {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// One permit for each such process.
    pub(super) room: Arc<Semaphore>,
}

impl Isolation {
    pub(in crate::cluster) fn new(program: PathBuf, arguments: Vec<String>) -> Self {
        let room = std::thread::available_parallelism().map_or(1, usize::from).max(FEWEST);
        Self { program, arguments, room: Arc::new(Semaphore::new(room)) }
    }
}
