//! What the code of a component can ask for.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::function::capability::{Clock, Dir, Grant, Net};

/// The calls that a capability is about. A component imports those that something in it calls.
const CALLS: &[(&str, &str, &str)] = &[
    (Clock::NAME, "wasi:clocks/wall-clock", "now"),
    (Dir::NAME, "wasi:filesystem/preopens", "get-directories"),
    (Net::NAME, "wasi:sockets/ip-name-lookup", "resolve-addresses"),
    (Net::NAME, "wasi:sockets/tcp-create-socket", "create-tcp-socket"),
    (Net::NAME, "wasi:sockets/udp-create-socket", "create-udp-socket"),
];

/// The capabilities that the code of a component can make calls for, as functions declare them.
pub(super) fn reach(component: &Component, engine: &Engine) -> Vec<&'static str> {
    let mut reach = Vec::new();
    for (name, import) in component.component_type().imports(engine) {
        let (interface, _) = name.split_once('@').unwrap_or((name, ""));
        let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
        for (capability, at, call) in CALLS {
            let is_called = || instance.exports(engine).any(|(name, _)| name == *call);
            if *at == interface && !reach.contains(capability) && is_called() {
                reach.push(*capability);
            }
        }
    }
    reach
}
