//! What is drawn: a pure function of what is known, and of the terminal's size.

mod cells;
mod draw;
mod functions;
mod header;
mod layout;
mod lists;
mod nodes;
mod panel;
mod rates;
mod threads;
mod workers;

pub(super) use self::draw::{draw, text};
