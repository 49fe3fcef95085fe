//! What a function that breaks out of its sandbox can still do, tried by a stand-in program.
//!
//! It asks the command for the rules of a run, starts itself again as the stand-in, which raises the wall by
//! these rules as the command does, before it has a thread, and then tries natively what an attacker would.

#[cfg(target_os = "linux")]
#[path = "escaped_guest/attacks.rs"]
mod attacks;

#[cfg(target_os = "linux")]
fn main() {
    attacks::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("there is no wall on this system");
}
