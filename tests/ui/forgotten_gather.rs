//! Results that were not gathered can't have a sink.

fn main() {
    let pool = engine::Pool::new().unwrap();
    let inc = pool.blocking_load("inc.wasm").unwrap().function::<i64, i64>("inc").unwrap();
    let source = engine::Source::new();
    source.stream().scatter(&pool).map(&inc).buffer(8).sink(|x: i64| println!("{x}"));
}
