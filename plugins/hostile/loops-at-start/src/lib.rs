//! A loop without end while the instance is made, before any of its functions is called.

use std::hint::black_box;

use engine_sdk::map;

/// Constructors run when the component is instantiated.
#[cfg_attr(target_family = "wasm", unsafe(link_section = ".init_array"))]
#[used]
static START: extern "C" fn() = {
    extern "C" fn start() {
        loop {
            black_box(());
        }
    }
    start
};

/// Never gets that far.
#[map]
fn same(record: &str) -> &str {
    record
}
