//! What each node does, on tokio's paused clock.

// Helpers.
mod support;

mod disconnect;
mod done;
mod elements;
mod groups;
mod joins;
mod states;
mod timing;
