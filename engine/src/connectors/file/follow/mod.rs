//! Follows files: reads what is added to them, and what takes their places.

mod generation;
mod input;
mod missed;
mod siblings;
mod tail;
mod tails;
mod wake;

pub(crate) use generation::Generation;
pub(super) use tails::Tails;
pub(crate) use tails::read_whole;
pub(super) use wake::watch;
