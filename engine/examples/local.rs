//! Ten records through a function that sleeps a second, one after another: it takes ten seconds.
//!
//! ```sh
//! engine build plugins/slow-inc && cargo run --release --example local slow-inc.wasm
//! ```

use engine::{Error, Pool, Source};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let plugin = std::env::args().nth(1).unwrap_or("slow-inc.wasm".into());
    let slow_inc = Pool::new()?.load(plugin).await?.function::<i64, i64>("slow_inc")?;

    let source = Source::new();
    source.stream().map(&slow_inc).sink(|x| println!("{x}"));
    for i in 0..10 {
        source.emit(i).await?;
    }
    source.close().await
}
