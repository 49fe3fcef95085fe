//! Files as streams of bytes, read and written on threads where that may block.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::context::FileContext;
use super::convert::FileError;
use super::node::Node;
use crate::plugin::host::resources::{Charge, Resource};

/// Bytes that are read or written at once, at most.
pub(super) const CHUNK: usize = 64 << 10;

/// A guest that waits for bytes and has not said how many wants these.
const EXPECTED: usize = 4 << 10;

type Work<T> = Pin<Box<dyn Future<Output = Result<T, ErrorCode>> + Send>>;

fn failed(error: ErrorCode) -> StreamError {
    StreamError::LastOperationFailed(FileError(error).into())
}

/// Bytes that were read and wait for the guest.
struct Chunk {
    bytes: Bytes,
    _charge: Charge,
}

/// A file that is read from a place on.
pub(super) struct Reader {
    node: Node,
    context: Arc<FileContext>,
    position: u64,
    state: Reading,
}

enum Reading {
    Idle,
    Waiting(Work<Chunk>),
    Held(Chunk),
    Failed(ErrorCode),
    Closed,
}

impl Reader {
    pub(super) fn new(node: Node, context: Arc<FileContext>, position: u64) -> Self {
        Self { node, context, position, state: Reading::Idle }
    }

    fn begin(&mut self, size: usize) {
        let (node, context, at, size) =
            (self.node.clone(), self.context.clone(), self.position, size.clamp(1, CHUNK));
        self.state = match context.charge(Resource::Buffers, size) {
            Ok(charge) => Reading::Waiting(Box::pin(async move {
                let read = move || {
                    let bytes = node.read(size, at)?.into();
                    Ok(Chunk { bytes, _charge: charge })
                };
                context.run(read).await
            })),
            Err(error) => Reading::Failed(error),
        };
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Reading::Waiting(work) = &mut self.state {
            self.state = match work.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(chunk)) if chunk.bytes.is_empty() => Reading::Closed,
                Poll::Ready(Ok(chunk)) => Reading::Held(chunk),
                Poll::Ready(Err(error)) => Reading::Failed(error),
            };
        }
        Poll::Ready(())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {
        if matches!(self.state, Reading::Idle) {
            self.begin(EXPECTED);
        }
        poll_fn(|cx| self.poll(cx)).await;
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size > 0 && matches!(self.state, Reading::Idle) {
            self.begin(size);
        }
        if self.poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            return Ok(Bytes::new());
        }
        match mem::replace(&mut self.state, Reading::Closed) {
            Reading::Held(mut chunk) => {
                let bytes = chunk.bytes.split_to(size.min(chunk.bytes.len()));
                self.position += bytes.len() as u64;
                self.state = if chunk.bytes.is_empty() { Reading::Idle } else { Reading::Held(chunk) };
                Ok(bytes)
            }
            Reading::Failed(error) => Err(failed(error)),
            Reading::Closed => Err(StreamError::Closed),
            idle @ (Reading::Idle | Reading::Waiting(_)) => {
                self.state = idle;
                Ok(Bytes::new())
            }
        }
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size > 0 && matches!(self.state, Reading::Idle) {
            self.begin(size);
        }
        poll_fn(|cx| self.poll(cx)).await;
        self.read(size)
    }
}

/// A file that is written from a place on, or at its end.
pub(super) struct Writer {
    node: Node,
    context: Arc<FileContext>,
    /// None writes at the end.
    position: Option<u64>,
    state: Writing,
}

enum Writing {
    Ready,
    Waiting(Work<()>),
    Failed(ErrorCode),
    Closed,
}

impl Writer {
    pub(super) fn new(node: Node, context: Arc<FileContext>, position: Option<u64>) -> Self {
        Self { node, context, position, state: Writing::Ready }
    }

    fn begin(&mut self, bytes: Bytes) {
        let (node, context, mut position) = (self.node.clone(), self.context.clone(), self.position);
        if let Some(position) = &mut self.position {
            *position = position.saturating_add(bytes.len() as u64);
        }
        self.state = match context.charge(Resource::Buffers, bytes.len()) {
            Ok(charge) => Writing::Waiting(Box::pin(async move {
                let write = move || {
                    let _charge = charge;
                    write_all(&node, &bytes, &mut position)
                };
                context.run(write).await
            })),
            Err(error) => Writing::Failed(error),
        };
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Writing::Waiting(work) = &mut self.state {
            self.state = match work.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => Writing::Ready,
                Poll::Ready(Err(error)) => Writing::Failed(error),
            };
        }
        Poll::Ready(())
    }

    /// How much may be written; nothing while a write is under way.
    fn room(&mut self) -> StreamResult<usize> {
        if self.poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            return Ok(0);
        }
        match mem::replace(&mut self.state, Writing::Closed) {
            Writing::Ready | Writing::Waiting(_) => {
                self.state = Writing::Ready;
                Ok(CHUNK)
            }
            Writing::Failed(error) => Err(failed(error)),
            Writing::Closed => Err(StreamError::Closed),
        }
    }
}

fn write_all(node: &Node, mut bytes: &[u8], position: &mut Option<u64>) -> Result<(), ErrorCode> {
    while !bytes.is_empty() {
        let written = match position {
            Some(at) => node.write(bytes, *at)?,
            None => node.append(bytes)?,
        };
        if written == 0 {
            return Err(ErrorCode::InsufficientSpace);
        }
        if let Some(at) = position {
            *at += written as u64;
        }
        bytes = &bytes[written..];
    }
    Ok(())
}

#[wasmtime_wasi::async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        match self.room()? {
            0 => Err(StreamError::trap("it wrote before it asked whether it may")),
            _ => {
                self.begin(bytes);
                // A write that nobody waits for is done all the same.
                let _ = self.poll(&mut Context::from_waker(Waker::noop()));
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        // Nothing waits but what is being written.
        match self.state {
            Writing::Closed => Err(StreamError::Closed),
            Writing::Failed(_) => self.room().map(drop),
            Writing::Ready | Writing::Waiting(_) => Ok(()),
        }
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.room()
    }

    async fn cancel(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
        self.state = Writing::Closed;
    }
}
