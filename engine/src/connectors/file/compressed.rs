//! Decompresses files whose first bytes say that they are compressed.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder;

use crate::connectors::support::formats::counting::Counting;
use crate::connectors::support::formats::encoding::is_utf16;
use crate::progress::GraphContext;

/// Compressions that are read.
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// What a frame of zstd without data begins with, after a first byte from 0x50 to 0x5f. pzstd writes them first.
const SKIPPED: &[u8] = &[0x2a, 0x4d, 0x18];

/// Formats that are refused: their first bytes, their names, and what reads them.
const REFUSED: &[(&[u8], &str, &str)] = &[
    (b"\xfd7zXZ\0", "compressed with xz", "decompress it, as with `xz -dk`"),
    (b"BZh", "compressed with bzip2", "decompress it, as with `bzip2 -dk`"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "decompress it, as with `lz4 -dk`"),
    (b"PK\x03\x04", "a zip archive", "extract its files, as with `unzip`"),
];
/// What follows the first bytes of bzip2 and a digit.
const BZIP2: &[u8] = b"1AY&SY";

/// How many bytes tell whether a file is compressed.
pub(super) const FIRST: usize = ZSTD.len();

/// How many bytes tell what a file is.
pub(super) const TELLING: usize = 4 + BZIP2.len();

/// Reads a file, and decompresses it if it is compressed with gzip or zstd, in one piece or several. Another compression
/// or encoding is an error that names it. The bytes of the file itself are counted. Nothing is read before the first call
/// of `read`.
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

/// Whether a file that begins with these bytes is compressed, so that it can be decompressed.
pub(super) fn is_compressed(first: &[u8]) -> bool {
    first.starts_with(GZIP) || is_zstd(first)
}

fn is_zstd(first: &[u8]) -> bool {
    first.starts_with(ZSTD) || matches!(first, [0x50..=0x5f, rest @ ..] if rest.starts_with(SKIPPED))
}

/// What a file is that can't be read, and what to do with it.
pub(super) fn refused(first: &[u8]) -> Option<io::Error> {
    let is_it = |magic: &[u8]| first.starts_with(magic) && (magic != b"BZh" || first[4..].starts_with(BZIP2));
    let found = REFUSED.iter().find(|(magic, ..)| first.len() > 4 && is_it(magic));
    let said = match found {
        Some((_, what, action)) => format!("it is {what}, which is not supported: {action}"),
        None if is_utf16(first) => {
            "it is text in UTF-16, and only UTF-8 is supported: convert it, as with `iconv -f UTF-16 -t UTF-8`"
                .to_owned()
        }
        None => return None,
    };
    Some(io::Error::new(io::ErrorKind::InvalidData, said))
}

/// Begins to decompress a file, if it is compressed.
pub(super) fn begin(mut file: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let first = first_bytes(&mut file)?;
    if let Some(error) = refused(&first) {
        return Err(error);
    }
    let (is_gzip, is_zstd) = (first.starts_with(GZIP), is_zstd(&first));
    let file = Cursor::new(first).chain(file);
    Ok(match () {
        () if is_gzip => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        () if is_zstd => Box::new(Decoder::new(file)?),
        () => Box::new(file),
    })
}

/// Reads until the first bytes tell what a file is: a pipe may have no more for now.
fn first_bytes(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(TELLING);
    while may_tell_more(&first) {
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

/// Whether a file that begins with these bytes may be more than text.
fn may_tell_more(first: &[u8]) -> bool {
    let fits = |magic: &[u8]| magic.iter().zip(first).all(|(magic, byte)| magic == byte);
    let begins = |magic: &[u8]| fits(magic) && first.len() < magic.len();
    match first {
        [] => true,
        [0x50..=0x5f, rest @ ..] if rest.len() < SKIPPED.len() && SKIPPED.starts_with(rest) => true,
        [b'B', b'Z', b'h', _, rest @ ..] => rest.len() < BZIP2.len() && BZIP2.starts_with(rest),
        [0xff] | [0xfe] => true,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => first.len() < 4,
        // Those that are refused have a fifth byte.
        _ => {
            [GZIP, ZSTD].into_iter().any(begins)
                || REFUSED.iter().any(|(magic, ..)| fits(magic) && first.len() < magic.len().max(5))
        }
    }
}
