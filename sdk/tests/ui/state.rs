use engine_sdk::accumulate;

struct Opaque;

#[accumulate]
fn nothing() -> u64 {
    0
}

#[accumulate]
fn no_record(state: &mut u64) -> u64 {
    *state
}

#[accumulate]
fn by_value(state: u64, record: u64) -> u64 {
    state + record
}

#[accumulate]
fn shared(state: &u64, record: u64) -> u64 {
    state + record
}

#[accumulate]
fn lent(state: &mut str, record: &str) -> usize {
    state.len() + record.len()
}

#[accumulate]
fn slice(state: &mut [u64], record: u64) -> u64 {
    state[0] + record
}

#[accumulate]
fn opaque(_state: &mut Opaque, record: u64) -> u64 {
    record
}

#[accumulate(start = "one")]
fn wrong_start(state: &mut u64, record: u64) -> u64 {
    *state + record
}

#[accumulate(start = 1, start = 2)]
fn two_starts(state: &mut u64, record: u64) -> u64 {
    *state + record
}

#[accumulate]
fn returns_nothing(state: &mut u64, record: u64) {
    *state += record;
}

#[accumulate]
fn mutable_record(state: &mut u64, record: &mut String) -> u64 {
    *state + record.len() as u64
}

fn main() {}
