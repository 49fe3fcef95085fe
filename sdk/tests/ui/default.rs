use engine_sdk::map;

#[map(stpe = 1)]
fn unknown(x: i64, step: i64) -> i64 {
    x + step
}

#[map(step = 1)]
fn none(x: i64) -> i64 {
    x
}

#[map(step = "one")]
fn wrong_type(x: i64, step: i64) -> i64 {
    x + step
}

#[map(step = 1.5)]
fn wrong_number(x: i64, step: i64) -> i64 {
    x + step
}

#[map(step = 1 + 1)]
fn expression(x: i64, step: i64) -> i64 {
    x + step
}

#[map(step)]
fn no_value(x: i64, step: i64) -> i64 {
    x + step
}

#[map(step = 1)]
fn optional(x: i64, step: Option<i64>) -> i64 {
    x + step.unwrap_or(1)
}

#[map(step = 1, step = 2)]
fn twice(x: i64, step: i64) -> i64 {
    x + step
}

fn main() {}
