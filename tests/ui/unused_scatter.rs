//! A segment that is never gathered does nothing.

#![deny(unused_must_use)]

fn main() {
    let pool = engine::Pool::new().unwrap();
    let inc = pool.blocking_load("inc.wasm").unwrap().function::<i64, i64>("inc").unwrap();
    let source = engine::Source::new();
    source.stream().scatter(&pool).map(&inc);
}
