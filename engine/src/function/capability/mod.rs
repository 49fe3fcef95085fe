//! What functions may be granted outside of their sandbox: a file for each capability.
//!
//! A new capability is a file here that implements `Grant`, its name in the list of `kinds.rs`, and what the
//! sandbox gives for it in `plugin/capabilities/`.

mod clock;
mod dir;
mod env;
mod grant;
mod kinds;
mod net;
mod random;

pub use clock::Clock;
pub use dir::Dir;
pub use env::Env;
pub(crate) use grant::{Grant, GrantedAccess};
pub use kinds::Capability;
pub use net::Net;
pub use random::Random;
