//! `engine top`: the dashboard on a terminal. `engine run --tui` draws the same.

mod address;
mod app;
mod client;
mod command;
mod events;
mod own;
mod screen;
mod show;
mod stderr_capture;
#[cfg(test)]
mod tests;
mod theme;
mod view;
mod worker_rates;

pub(crate) use command::TopCommand;
pub(crate) use own::OwnScreen;
pub(crate) use screen::{check, is_shown, restore};
