use engine_sdk::map;

#[map(needs("disk"))]
fn unknown(x: i64) -> i64 {
    x
}

#[map(needs("net:example.org"))]
fn no_port(x: i64) -> i64 {
    x
}

#[map(needs(clock))]
fn no_text(x: i64) -> i64 {
    x
}

fn main() {}
