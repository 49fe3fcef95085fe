//! The signals that end a run: the first one lets it finish what it has taken in.

use std::pin::Pin;
use std::sync::Arc;
use std::thread;

use tokio::sync::SetOnce;

use super::exit::Signal;
use super::runtime;

/// Tells of the first signal to end; the second one ends the process, whatever it is doing.
pub(super) fn interrupts() -> Arc<SetOnce<Signal>> {
    let interrupted = Arc::new(SetOnce::new());
    let told = interrupted.clone();
    thread::spawn(move || {
        let Ok(runtime) = runtime() else { return };
        runtime.block_on(async {
            let Ok(mut terminated) = termination() else { return };
            for _ in 0..2 {
                let signal = tokio::select! {
                    Ok(()) = tokio::signal::ctrl_c() => Signal::Interrupt,
                    () = &mut terminated => {
                        terminated = termination().unwrap_or_else(|_| Box::pin(std::future::pending()));
                        Signal::Terminate
                    }
                    else => return,
                };
                if told.set(signal).is_err() {
                    std::process::exit(signal.exit_code().into());
                }
            }
        });
    });
    interrupted
}

/// Ready when the process is told to terminate.
#[cfg(unix)]
fn termination() -> std::io::Result<Pin<Box<dyn Future<Output = ()>>>> {
    let mut signals = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(Box::pin(async move {
        signals.recv().await;
    }))
}

/// Elsewhere nobody tells it.
#[cfg(not(unix))]
fn termination() -> std::io::Result<Pin<Box<dyn Future<Output = ()>>>> {
    Ok(Box::pin(std::future::pending()))
}
