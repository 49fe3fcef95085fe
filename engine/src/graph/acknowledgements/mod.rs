//! Tells the sender of messages what became of them, once everything that came of them is out.

mod contract;
mod handle;
mod server;
mod table;

pub use contract::Acknowledge;
pub use handle::Acknowledgements;
#[cfg(feature = "cluster")]
pub(crate) use handle::check_unmixed;
pub use table::Message;
