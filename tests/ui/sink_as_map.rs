//! A sink returns nothing that could be mapped on.

fn main() {
    let pool = engine::Pool::new().unwrap();
    let print = pool.blocking_load("print.wasm").unwrap().function::<String, ()>("print").unwrap();
    let source = engine::Source::<String>::new();
    source.stream().scatter(&pool).map(&print).gather().sink(|x: String| println!("{x}"));
}
