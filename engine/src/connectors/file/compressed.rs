//! Decompresses files whose first bytes say that they are compressed.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder;

use crate::connectors::support::formats::counting::Counting;
use crate::progress::GraphContext;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// How many bytes tell whether a file is compressed.
pub(super) const FIRST: usize = ZSTD.len();

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

/// Whether a file that begins with these bytes is compressed.
pub(super) fn is_compressed(first: &[u8]) -> bool {
    first.starts_with(GZIP) || first.starts_with(ZSTD)
}

/// Begins to decompress a file, if it is compressed.
pub(super) fn begin(mut file: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let first = first_bytes(&mut file)?;
    let (is_gzip, is_zstd) = (first.starts_with(GZIP), first.starts_with(ZSTD));
    let file = Cursor::new(first).chain(file);
    Ok(match () {
        () if is_gzip => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        () if is_zstd => Box::new(Decoder::new(file)?),
        () => Box::new(file),
    })
}

/// Reads until the first bytes tell whether a file is compressed: a pipe may have no more for now.
fn first_bytes(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(FIRST);
    while [GZIP, ZSTD].iter().any(|magic| magic.starts_with(&first) && magic.len() > first.len()) {
        let mut byte = [0];
        match file.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => first.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(first)
}
