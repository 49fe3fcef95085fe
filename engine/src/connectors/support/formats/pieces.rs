//! Emits batches in pieces, so that a stop takes effect soon.

use std::time::{Duration, Instant};

use crate::progress::BoxFuture;
use crate::record::{Batch, Record};
use crate::{Error, Source};

/// Emits a batch in pieces that should take some milliseconds each, and checks `stop` between them. `piece` is the number
/// of records in a piece, which this adjusts. Returns whether it was stopped.
pub(in crate::connectors) async fn emit_pieces<T: Record>(
    mut batch: Batch,
    source: &Source<T>,
    piece: &mut usize,
    stop: &mut BoxFuture<'static, ()>,
) -> Result<bool, Error> {
    const SHORT: Duration = Duration::from_millis(5);
    while !batch.is_empty() {
        let rest = batch.split_off(batch.len().min(*piece));
        let begun = Instant::now();
        source.emit_batch(batch).await?;
        *piece = if begun.elapsed() < SHORT { (*piece * 2).min(1 << 20) } else { (*piece / 2).max(1) };
        batch = rest;
        if is_ready(stop).await {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether `stop` is ready.
pub(super) async fn is_ready(stop: &mut BoxFuture<'static, ()>) -> bool {
    tokio::select! {
        biased;
        () = stop => true,
        () = std::future::ready(()) => false,
    }
}
