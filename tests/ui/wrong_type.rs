//! A function over numbers does not fit a stream of texts.

fn main() {
    let pool = engine::Pool::new().unwrap();
    let inc = pool.blocking_load("inc.wasm").unwrap().function::<i64, i64>("inc").unwrap();
    let texts = engine::Source::<String>::new();
    texts.stream().map(&inc).sink(|x: i64| println!("{x}"));
    texts.stream().scatter(&pool).map(&inc).gather().sink(|x: i64| println!("{x}"));
}
