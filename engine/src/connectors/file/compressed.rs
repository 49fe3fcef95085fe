//! Decompresses files whose first bytes say that they are compressed.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder;

use crate::connectors::support::formats::counting::Counting;
use crate::progress::GraphContext;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Reads a file, and decompresses it if it is compressed with gzip or zstd, in one piece or several. The bytes of the
/// file itself are counted. Nothing is read before the first call of `read`.
pub(crate) fn decompressed(
    file: impl Read + Send + 'static,
    context: Arc<GraphContext>,
) -> Decompressed<impl Read + Send + 'static> {
    Decompressed::Unread(Some(Counting::new(file, context)))
}

/// See [`decompressed`].
pub(crate) enum Decompressed<R> {
    Unread(Option<R>),
    Begun(Box<dyn Read + Send>),
}

impl<R: Read + Send + 'static> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::Begun(reader) => return reader.read(buffer),
                // Opening it failed before.
                Self::Unread(None) => return Ok(0),
                Self::Unread(file) => {
                    if let Some(file) = file.take() {
                        *self = Self::Begun(begin(file)?);
                    }
                }
            }
        }
    }
}

fn begin(mut file: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut first = Vec::with_capacity(ZSTD.len());
    file.by_ref().take(ZSTD.len() as u64).read_to_end(&mut first)?;
    let (is_gzip, is_zstd) = (first.starts_with(GZIP), first.starts_with(ZSTD));
    let file = Cursor::new(first).chain(file);
    Ok(match () {
        () if is_gzip => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        () if is_zstd => Box::new(Decoder::new(file)?),
        () => Box::new(file),
    })
}
