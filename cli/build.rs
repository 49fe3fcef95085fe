//! The binary carries the guest SDK's source: it is built again when that changes.

fn main() {
    println!("cargo:rerun-if-changed=sdk");
}
