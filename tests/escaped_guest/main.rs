//! What a function that breaks out of its sandbox can still do, tried by a stand-in program.
//!
//! It asks the command for the rules of a run, starts itself again as the stand-in, which raises the wall by
//! these rules as the command does, before it has a thread, and then tries natively what an attacker would.

#[cfg(target_os = "linux")]
mod attacks;
#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod check;
#[cfg(target_os = "linux")]
mod needs;
#[cfg(target_os = "linux")]
mod stand_in;
#[cfg(target_os = "linux")]
mod work;

#[cfg(target_os = "linux")]
fn main() {
    engine::wall::note_inherited();
    if std::env::args().nth(1).as_deref() == Some(engine::wall::launcher::COMMAND) {
        return engine::wall::launcher::serve().expect("it serves the stand-in");
    }
    match std::env::var(stand_in::ROLE) {
        Ok(role) => stand_in::act(&serde_json::from_str(&role).expect("a role")),
        Err(_) => check::check(),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("there is no wall on this system");
}
