use engine_sdk::map;

struct Opaque;

#[map]
fn owned(record: Opaque) -> i64 {
    let _ = record;
    1
}

#[map]
fn lent(record: &Opaque) -> i64 {
    let _ = record;
    1
}

#[map]
fn parameter(record: i64, extra: Opaque) -> i64 {
    let _ = extra;
    record
}

#[map]
fn mutable(record: &mut String) -> i64 {
    record.len() as i64
}

#[map]
fn implements(record: impl Into<i64>) -> i64 {
    record.into()
}

fn main() {}
