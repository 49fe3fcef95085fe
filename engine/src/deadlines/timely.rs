//! Connections that break if the other side does not read.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::table::Deadline;
use super::waits::Waiting;

/// The bytes per second that a client must read of an answer.
const RATE: u64 = 16 << 10;

/// A connection that breaks if the other side does not read what is written to it.
pub(crate) struct Timely<S> {
    stream: S,
    peer: String,
    deadline: Deadline,
    /// Whether everything must be read in time, with a second more for each 16 KiB; or else anything.
    whole: bool,
    stall: Option<Stall>,
}

/// A wait for the other side to read.
struct Stall {
    ends: Pin<Box<Sleep>>,
    _waiting: Waiting,
}

impl<S> Timely<S> {
    /// A connection whose other side must read anything of what is written within the deadline.
    pub(crate) fn new(stream: S, peer: impl Into<String>, deadline: Deadline) -> Self {
        Self { stream, peer: peer.into(), deadline, whole: false, stall: None }
    }

    /// A connection whose other side must read everything, with a second more for each 16 KiB.
    #[cfg(feature = "net")]
    pub(crate) fn answering(stream: S, peer: impl Into<String>, deadline: Deadline) -> Self {
        Self { whole: true, ..Self::new(stream, peer, deadline) }
    }

    fn stall(&mut self) -> &mut Stall {
        let Self { peer, deadline, stall, .. } = self;
        stall.get_or_insert_with(|| {
            // A time that is too long for the clock is as good as no deadline.
            let far = Instant::now() + Duration::from_secs(86_400 * 365 * 30);
            let ends = Instant::now().checked_add(deadline.time).unwrap_or(far).min(far);
            Stall { ends: Box::pin(sleep_until(ends)), _waiting: Waiting::begin(deadline.told(peer)) }
        })
    }

    /// Notes that `bytes` of the `offered` ones were written.
    fn taken(&mut self, bytes: usize, offered: usize) {
        if !self.whole || bytes >= offered {
            self.stall = None;
            return;
        }
        let more = Duration::from_micros(bytes as u64 * 1_000_000 / RATE);
        let ends = &mut self.stall().ends;
        let later = ends.deadline() + more;
        ends.as_mut().reset(later);
    }

    /// Waits until it can be written again, or until the other side's time is over.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.stall().ends.as_mut().poll(context));
        Poll::Ready(Err(self.deadline.overdue().into()))
    }

    /// Handles the result of writing `offered` bytes.
    fn tried(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
        offered: usize,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                self.taken(bytes, offered);
                written
            }
            Poll::Ready(Err(_)) => written,
            Poll::Pending => self.wait(context),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timely<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timely<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.tried(context, written, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        let offered = slices.iter().map(|slice| slice.len()).sum();
        self.tried(context, written, offered)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Pending => self.wait(context),
            flushed => flushed,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(context) {
            Poll::Pending => self.wait(context),
            shut => shut,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::{Instant, sleep};

    use super::super::table::WRITE;
    use super::*;

    /// The seconds until a peer is disconnected that is sent `bytes` and reads `each_second`; none if it never is.
    async fn disconnected_after(whole: bool, bytes: usize, each_second: usize) -> Option<u64> {
        let (ours, mut theirs) = duplex(1 << 10);
        let begun = Instant::now();
        let reading = tokio::spawn(async move {
            let mut block = vec![0; each_second];
            while theirs.read_exact(&mut block).await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let deadline = WRITE.of(Duration::from_secs(10));
        let mut ours = Timely { whole, ..Timely::new(ours, "there", deadline) };
        let written = ours.write_all(&vec![0; bytes]).await;
        reading.abort();
        written.err().map(|error| {
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            begun.elapsed().as_secs()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_is_too_slow_is_disconnected() {
        // Reading anything is enough if nothing else waits for the peer.
        assert_eq!(disconnected_after(false, 100 << 10, 1 << 10).await, None);
        assert_eq!(disconnected_after(true, 100 << 10, 1 << 10).await, Some(10));
        assert_eq!(disconnected_after(true, 1 << 20, 32 << 10).await, None);
        assert_eq!(disconnected_after(false, 2 << 10, 0).await, Some(10));
    }
}
