//! Shutdown: one signal ends a run in time, whatever hangs; two end it at once.

// Helpers.
#[cfg(target_os = "linux")]
mod peer;
mod run;

#[cfg(unix)]
mod cpu_time;
#[cfg(target_os = "linux")]
mod drain_time;
#[cfg(target_os = "linux")]
mod hanging;
#[cfg(target_os = "linux")]
mod signals;
mod sink_calls;
#[cfg(target_os = "linux")]
mod stalled_clients;
#[cfg(target_os = "linux")]
mod stopped;

pub(crate) use self::run::Run;
