use engine_sdk::{filter, flat_map, map, sink};

struct Opaque;

#[map]
fn opaque(_record: i64) -> Opaque {
    Opaque
}

#[map]
fn hidden(_record: i64) -> impl ToString {
    1
}

type Answer = Result<i64, String>;

#[map]
fn alias(record: i64) -> Answer {
    Ok(record)
}

#[map]
fn error(record: i64) -> Result<i64, Opaque> {
    Ok(record)
}

#[filter]
fn no_bool(record: i64) -> i64 {
    record
}

#[flat_map]
fn no_iterator(record: i64) -> i64 {
    record
}

#[flat_map]
fn opaque_items(_record: i64) -> Vec<Opaque> {
    Vec::new()
}

#[flat_map]
fn results(record: i64) -> Vec<Result<i64, String>> {
    vec![Ok(record)]
}

#[sink]
fn value(record: i64) -> i64 {
    record
}

#[sink]
fn value_in_result(record: i64) -> Result<i64, String> {
    Ok(record)
}

fn main() {}
