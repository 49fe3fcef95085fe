//! Files that may be compressed, which their first bytes tell.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder;

use super::counting::Counting;
use crate::stream::Counters;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Opens a file; if it is compressed with gzip or zstd, in one piece or several, to what was compressed. What is read
/// of the file itself counts.
pub(super) fn open(path: &Path, counters: Arc<Counters>) -> io::Result<Box<dyn Read + Send>> {
    let mut file = Counting::new(File::open(path)?, counters);
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
