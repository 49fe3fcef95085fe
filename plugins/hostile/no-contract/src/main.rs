//! A component like any other, which exports a command and nothing of the contract.

fn main() {
    println!("hello");
}
