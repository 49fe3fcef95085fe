//! The signals that end a run: the first one lets it finish what it has taken in, within a time.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::SetOnce;

use super::drain::Drain;
use super::exit::Signal;
use super::threads::{self, runtime};
use super::top;

/// Tells of the first signal to end, or ends the process if its run has not begun. The second signal ends the process,
/// whatever it is doing, and so does the end of the time that there is to drain. They are heard from now on. `aborted`
/// says that the second one came.
pub(super) fn interrupts(
    drain: Drain,
    aborted: impl Fn() + Send + 'static,
) -> anyhow::Result<Arc<SetOnce<Signal>>> {
    let interrupted = Arc::new(SetOnce::new());
    let told = interrupted.clone();
    let runtime = runtime()?;
    let mut signals = {
        let _context = runtime.enter();
        Signals::listen().context("can't hear signals")?
    };
    threads::start("engine-signals", move || {
        runtime.block_on(async {
            let mut signal = signals.next().await;
            drain.call_off(signal);
            // Where the terminal hears keys, it may have been told already.
            if told.set(signal).is_ok() || signal == Signal::CpuTime {
                let first = signal;
                signal = tokio::select! {
                    second = signals.next_from_outside() => second,
                    () = tokio::time::sleep(drain.timeout()) => drain.end(first),
                };
            }
            top::restore();
            aborted();
            engine::end_commands();
            std::process::exit(signal.exit_code().into());
        });
    })?;
    Ok(interrupted)
}

/// Ignores signals to the service or the session: the process that started this one ends it.
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
    cpu_time: tokio::signal::unix::Signal,
    /// None if it was ignored when this process began, as `nohup` has it.
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            cpu_time: signal(SignalKind::from_raw(rustix::process::Signal::XCPU.as_raw()))?,
            hangup,
        })
    }

    async fn next(&mut self) -> Signal {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(()) = self.interrupt.recv() => Signal::Interrupt,
            Some(()) = self.terminate.recv() => Signal::Terminate,
            Some(()) = hangup => Signal::Hangup,
            Some(()) = self.cpu_time.recv() => Signal::CpuTime,
            else => std::future::pending().await,
        }
    }
}

impl Signals {
    /// The next signal from outside: the system repeats SIGXCPU every second.
    async fn next_from_outside(&mut self) -> Signal {
        loop {
            let signal = self.next().await;
            if signal != Signal::CpuTime {
                return signal;
            }
        }
    }
}

/// Whether the end of a terminal is nothing to this process. Where that can't be told, it is.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = engine::files::read_at_most(std::path::Path::new("/proc/self/status"), 64 << 10);
    let Some(status) = status.ok().and_then(|status| String::from_utf8(status).ok()) else { return true };
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signals are counted from 1, and this is the first.
    ignored.is_none_or(|ignored| ignored & 1 == 1)
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
