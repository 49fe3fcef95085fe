use engine_sdk::{map, sink};

#[map]
fn generic<T: std::str::FromStr>(record: &str) -> bool {
    record.parse::<T>().is_ok()
}

#[map]
fn sized<const N: usize>(record: &str) -> bool {
    record.len() == N
}

#[map]
async fn later(record: i64) -> i64 {
    record
}

#[map]
unsafe fn careless(record: i64) -> i64 {
    record
}

#[map]
extern "C" fn foreign(record: i64) -> i64 {
    record
}

#[sink]
fn nothing() {}

#[map]
fn pattern((a, b): (i64, i64)) -> i64 {
    a + b
}

#[map]
fn pattern_parameter(record: i64, (a, b): (i64, i64)) -> i64 {
    record + a + b
}

#[map]
struct NoFunction;

fn main() {}
