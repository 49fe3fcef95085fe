//! The dashboard: a page in a browser that shows a run while it goes on, and an interface for programs.
//!
//! A thread of its own reads a [`Monitor`](crate::Monitor) a few times a second while clients are connected. Each
//! client gets the latest snapshot, never a backlog, so a browser that stalls delays nothing.

mod guard;
mod page;
mod prometheus;
mod report;
mod routes;
mod server;

pub use report::Report;
pub use server::{Dashboard, PORT};
