//! Opens files and folders safely next to functions that may write to some of them.
//!
//! Use it for files in a folder that you grant to a function. Neither the function nor another process that may write
//! to the folder then decides what your program opens:
//!
//! - A path is resolved component by component, on descriptors. In a folder that a function may write
//!   ([`Granted`]), and below it, no link is followed and only regular files are opened. A function isn't
//!   granted a folder if the host has followed a link in it.
//! - Names in a [`Folder`] never lead out of it.
//! - Opening never blocks: pipes and devices are opened as such, and their kind is checked afterwards.
//! - Reading a whole file has a limit.

// Everything that the engine itself reads, writes, lists or renames is opened here.

#[cfg(unix)]
mod beneath;
mod folder;
mod guests;
mod input;
mod kind;
#[cfg(unix)]
mod lock;
mod open_options;
mod output;
mod outside;
mod pattern;
mod placement;
#[cfg(unix)]
mod private;
mod rotation;
mod standard;
#[cfg(not(unix))]
#[path = "elsewhere.rs"]
mod system;
#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(unix)]
mod walk;

pub use folder::Folder;
pub use guests::Granted;
pub use input::{Input, LateInput, check_readable, known, open, open_file, open_when_read, read_at_most};
pub(crate) use output::write_at_end;
pub use output::{Draft, Mode, create, remove, replace};
#[cfg(unix)]
pub(crate) use outside::{Named, reach_by};
pub use pattern::Pattern;
pub(crate) use placement::{PlacedFile, Placement, lock};
pub use rotation::rotate;
pub use standard::{StandardInput, StandardOutput, check_stdout, stdin};
