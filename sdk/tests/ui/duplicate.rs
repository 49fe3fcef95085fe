use engine_sdk::map;

#[map]
fn inc(x: i64) -> i64 {
    x + 1
}

#[map]
fn inc(x: i64) -> i64 {
    x + 2
}

fn main() {}
