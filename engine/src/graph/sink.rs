//! What streams end in.

use super::Stream;

/// What [`Stream::sink`] takes: a closure, a sink function of a plugin, or one of [`sinks`](crate::sinks), among
/// them [`consumer`](crate::sinks::consumer) for your own sinks.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the sink of a stream of `{T}`",
    label = "neither a closure over `{T}` nor a sink function of a plugin that takes `{T}`",
    note = "write `|x: {T}| …`, or load the function as `plugin.function::<{T}, ()>(\"name\")?`"
)]
pub trait Sink<T> {
    #[doc(hidden)]
    fn attach(self, stream: Stream<T>);
}

impl<T: Clone + Send + 'static> Stream<T> {
    /// Ends the stream: each element goes to `sink`, one after another. A slow sink holds the
    /// source back.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
    ///
    /// let (source, total) = (engine::Source::new(), Arc::new(AtomicI64::new(0)));
    /// let sum = total.clone();
    /// source.stream().sink(move |x: i64| {
    ///     sum.fetch_add(x, Relaxed);
    /// });
    /// for x in 1..=3 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(total.load(Relaxed), 6);
    /// # Ok(()) }
    /// ```
    pub fn sink<S: Sink<T>>(self, sink: S) {
        sink.attach(self);
    }
}
