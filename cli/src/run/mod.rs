//! `engine run`: records from a file or pipe, through functions, to a file or pipe.

mod command;
mod feed;
mod graph;
mod inputs;
mod messages;
mod output;
mod page;
mod pipeline;
mod plugins;
mod reach;
mod report;
mod watching;

pub(crate) use command::RunCommand;
