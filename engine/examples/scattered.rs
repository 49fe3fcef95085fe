//! Ten records through a function that sleeps a second, side by side: it takes a second.
//!
//! ```sh
//! engine build plugins/slow-inc && cargo run --release --example scattered slow-inc.wasm
//! ```

use engine::{Error, Pool, Source};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let plugin = std::env::args().nth(1).unwrap_or("slow-inc.wasm".into());
    let pool = Pool::new()?;
    let slow_inc = pool.load(plugin).await?.function::<i64, i64>("slow_inc")?;

    let source = Source::new();
    source.stream().scatter(&pool).map(&slow_inc).buffer(10).gather().sink(|x| println!("{x}"));
    for i in 0..10 {
        source.emit(i).await?;
    }
    source.close().await
}
