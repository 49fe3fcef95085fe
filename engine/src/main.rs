//! The command `engine`: it parses, and calls the library.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::Engine::parse().execute()
}
