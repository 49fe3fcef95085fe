//! Files that the engine reads: checkpoints and pipelines.

use crate::progress::{Checkpoint, with_checksum};

/// Reads a checkpoint; one that is read comes back when it is written.
pub fn checkpoint(bytes: &[u8]) {
    let _ = Checkpoint::parse(bytes);
    let Ok(checkpoint) = Checkpoint::parse(&with_checksum(bytes.to_vec())) else { return };
    let written = serde_json::to_vec(&checkpoint).expect("a checkpoint can be written");
    assert_eq!(Checkpoint::parse(&with_checksum(written)), Ok(checkpoint));
}

/// Reads a pipeline file without opening any other file. Each mistake has a place in it.
pub fn pipeline(text: &str) {
    for diagnostic in crate::pipeline::diagnostics_of(text) {
        assert!(
            diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end <= text.len(),
            "{diagnostic:?}"
        );
        assert!((1..=text.lines().count().max(1) + 1).contains(&diagnostic.line), "{diagnostic:?}");
        assert!(diagnostic.message.len() < 10_000 + 10 * text.len());
    }
}
