//! `cargo xtask house`: what deserves a look. It fails nothing.

use crate::checkout::Checkout;
use crate::layers;

#[expect(clippy::print_stdout, reason = "this is what was asked for")]
pub(crate) fn show(checkout: &Checkout) -> anyhow::Result<()> {
    for ((room, other), edges) in layers::rooms(checkout)? {
        println!("{room} -> {other}: {}", edges.len());
    }
    Ok(())
}
