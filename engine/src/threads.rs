//! Starts all threads, so that a system that refuses one causes an error of one line.

use std::io;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::Error;
use crate::error::SystemError;
use crate::machine::Machine;

/// Threads that are left for what a run starts later: readers of its inputs, writers of its checkpoints.
const SPARE: usize = 4;

/// A thread that was started moves within this time, unless it was not started after all.
const STARTED_WITHIN: Duration = Duration::from_secs(10);

/// Starts a thread.
///
/// # Errors
///
/// [`SystemError::Thread`](crate::error::SystemError::Thread), if the system has no more of them.
pub(crate) fn start<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Error> {
    thread::Builder::new().name(name.into()).spawn(work).map_err(Error::thread)
}

/// Does work that blocks in a thread of its own, so that the caller's thread is free while it waits. If the caller
/// gives up waiting, the work goes on to its end.
///
/// # Errors
///
/// [`SystemError::Thread`](crate::error::SystemError::Thread), if the system has no more threads;
/// [`SystemError::Panicked`](crate::error::SystemError::Panicked), if the work panics.
pub(crate) async fn unblocked<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let (done, result) = oneshot::channel();
    start(name, move || drop(done.send(work())))?;
    result.await.map_err(|_| Error::System(SystemError::Panicked))
}

/// Checks that `count` threads can be started now, before code runs that would panic without them.
pub(crate) fn need(count: usize) -> Result<(), Error> {
    match room_for(count) {
        (_, None) => Ok(()),
        (_, Some(error)) => Err(Error::thread(error)),
    }
}

/// How many threads can be started now, up to `most`, and the error that prevents more.
fn room_for(most: usize) -> (usize, Option<io::Error>) {
    let gate = Arc::new(Mutex::new(()));
    // They are all there until it opens.
    let closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut waiting, mut refused) = (Vec::with_capacity(most), None);
    while waiting.len() < most && refused.is_none() {
        let gate = gate.clone();
        let wait = move || {
            drop(gate.lock());
            // Where the system tells of this thread.
            Path::new("/proc/thread-self").canonicalize().ok()
        };
        // With stacks as large as later threads have. If Tokio gets some of its threads but not all, it panics, and
        // then waits for the others for ever.
        match thread::Builder::new().spawn(wait) {
            Ok(started) => waiting.push(started),
            Err(error) => refused = Some(error),
        }
    }
    drop(closed);
    let room = waiting.len();
    let threads = waiting.into_iter().filter_map(|started| started.join().ok()?);
    threads.for_each(|thread| wait_until_gone(&thread));
    (room, refused)
}

/// A thread counts for the system until that has put it away, a little after others may know of its end.
fn wait_until_gone(thread: &Path) {
    for _ in 0..10_000 {
        if !thread.exists() {
            return;
        }
        thread::yield_now();
    }
}

/// A runtime of several threads: as many as are wanted, or fewer if the system has no more. Returns how many.
///
/// # Errors
///
/// [`SystemError::Thread`](crate::error::SystemError::Thread), if the system has none.
pub(crate) fn runtime(
    name: &str,
    most: usize,
    set_up: impl Fn(&mut Builder) -> &mut Builder,
) -> Result<(Runtime, usize), Error> {
    let (room, refused) = room_for(most + SPARE);
    if let (0, Some(refused)) = (room, refused) {
        return Err(Error::thread(refused));
    }
    let threads = most.min(room.saturating_sub(SPARE).max(1));
    // Tokio goes on without those that the system refuses, and what they should do is never done.
    let (started, starting) = sync_channel(threads);
    let told = move || {
        let _ = started.try_send(());
    };
    let mut builder = Builder::new_multi_thread();
    set_up(builder.worker_threads(threads).thread_name(name).on_thread_start(told));
    let runtime = builder.build().map_err(Error::thread)?;
    for _ in 0..threads {
        if starting.recv_timeout(STARTED_WITHIN).is_err() {
            runtime.shutdown_background();
            return Err(Error::thread(io::ErrorKind::WouldBlock.into()));
        }
    }
    Ok((runtime, threads))
}

/// A runtime on the thread that waits for it, with another one for what blocks, as to ask for the address of a name
/// does. That one is started now, when it can be told that there is none, and stays.
#[cfg(feature = "otlp")]
pub(crate) fn asking_runtime() -> Result<Runtime, Error> {
    const FOR_EVER: Duration = Duration::from_secs(1 << 32);
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().thread_keep_alive(FOR_EVER).build().map_err(Error::thread)?;
    // Tokio panics where the system refuses it.
    need(1)?;
    #[expect(clippy::disallowed_methods, reason = "there was room for it a moment ago")]
    drop(runtime.spawn_blocking(|| ()));
    Ok(runtime)
}

impl Error {
    /// The system refused a thread, or a process.
    #[must_use]
    pub fn thread(source: io::Error) -> Self {
        SystemError::Thread { limit: Machine::here().thread_limit(), source: Arc::new(source) }.into()
    }
}
