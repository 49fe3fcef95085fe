//! The signals that end a run: the first one lets it finish what it has taken in.

use std::sync::Arc;
use std::thread;

use anyhow::Context;
use tokio::sync::SetOnce;

use super::exit::Signal;
use super::{runtime, top};

/// Tells of the first signal to end; the second one ends the process, whatever it is doing. They are heard
/// from now on. `aborted` says that the second one came.
pub(super) fn interrupts(aborted: impl Fn() + Send + 'static) -> anyhow::Result<Arc<SetOnce<Signal>>> {
    let interrupted = Arc::new(SetOnce::new());
    let told = interrupted.clone();
    let runtime = runtime()?;
    let mut signals = {
        let _context = runtime.enter();
        Signals::listen().context("can't hear signals")?
    };
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                let signal = signals.next().await;
                if told.set(signal).is_err() {
                    top::restore();
                    aborted();
                    std::process::exit(signal.exit_code().into());
                }
            }
        });
    });
    Ok(interrupted)
}

/// Whoever started this process ends it: signals to a service, or to a session, do not.
#[cfg(feature = "cluster")]
pub(super) fn ignore() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let _context = runtime.enter();
    // What is heard once is never left to its default again.
    drop(Signals::listen().context("can't hear signals")?);
    Ok(())
}

/// What Ctrl-C does, where the terminal does not say so itself.
#[cfg(unix)]
pub(super) fn interrupt(_: &SetOnce<Signal>) {
    use rustix::process::{Signal, getpid, kill_process};

    // This process is there.
    let _ = kill_process(getpid(), Signal::INT);
}

/// What Ctrl-C does, where the terminal does not say so itself.
#[cfg(not(unix))]
pub(super) fn interrupt(interrupted: &SetOnce<Signal>) {
    if interrupted.set(Signal::Interrupt).is_err() {
        top::restore();
        std::process::exit(Signal::Interrupt.exit_code().into());
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Signal::Interrupt,
            Some(()) = self.terminate.recv() => Signal::Terminate,
            else => std::future::pending().await,
        }
    }
}

/// Elsewhere there is Ctrl-C.
#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?))
    }

    async fn next(&mut self) -> Signal {
        match self.0.recv().await {
            Some(()) => Signal::Interrupt,
            None => std::future::pending().await,
        }
    }
}
