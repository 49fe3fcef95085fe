//! Emits batches in pieces, so that a stop is not kept waiting.

use std::time::{Duration, Instant};

use crate::progress::BoxFuture;
use crate::record::{Batch, Record};
use crate::{Error, Source};

/// Emits a block in pieces that take some milliseconds at most, as far as that can be foreseen, and
/// looks for `stop` between them. Returns whether it was there.
pub(in crate::connectors) async fn emit_pieces<T: Record>(
    mut batch: Batch,
    source: &Source<T>,
    piece: &mut usize,
    stop: &mut BoxFuture<'static, ()>,
) -> Result<bool, Error> {
    const SOON: Duration = Duration::from_millis(5);
    while !batch.is_empty() {
        let rest = batch.split_off(batch.len().min(*piece));
        let begun = Instant::now();
        source.emit_batch(batch).await?;
        *piece = if begun.elapsed() < SOON { (*piece * 2).min(1 << 20) } else { (*piece / 2).max(1) };
        batch = rest;
        if is_there(stop).await {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether it is ready at once.
pub(super) async fn is_there(stop: &mut BoxFuture<'static, ()>) -> bool {
    tokio::select! {
        biased;
        () = stop => true,
        () = std::future::ready(()) => false,
    }
}
