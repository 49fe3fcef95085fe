//! Helpers: outputs of nodes, and short names.

use std::num::NonZeroUsize;
use std::time::Duration;

use engine::Stream;

use crate::support::ran;

pub(super) fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

/// The outputs for these elements. The run must succeed.
pub(super) async fn given<T, U>(
    elements: impl IntoIterator<Item = T>,
    build: impl FnOnce(Stream<T>) -> Stream<U>,
) -> Vec<U>
where
    T: Clone + Send + 'static,
    U: Clone + Send + 'static,
{
    let (outputs, ended) = ran(elements, build).await;
    ended.unwrap();
    outputs
}

pub(super) const MS: fn(u64) -> Duration = Duration::from_millis;
