//! The command `engine`: it parses, and calls the library.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::Engine::run()
}
