//! The contract in `wit/plugin.wit`, as wasmtime's bindings see it.

wasmtime::component::bindgen!({
    path: "wit",
    world: "stream-plugin",
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
});
