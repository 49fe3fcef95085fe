//! The binary carries the guest SDK's source: it is built again when that changes.

fn main() {
    for folder in
        ["../sdk/src", "../sdk/macros/src", "../sdk/Cargo.toml", "../sdk/macros/Cargo.toml", "../wit"]
    {
        println!("cargo:rerun-if-changed={folder}");
    }
}
