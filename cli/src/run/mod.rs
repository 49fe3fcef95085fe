//! `engine run`: records from a file or pipe, through functions, to a file or pipe.

mod access;
mod command;
mod feed;
mod graph;
mod inputs;
mod messages;
mod page;
mod pipeline;
mod plugins;
mod ready;
mod report;
mod watching;

pub(crate) use command::RunCommand;
