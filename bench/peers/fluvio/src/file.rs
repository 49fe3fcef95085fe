//! Takes the lines of a file through the SmartModule, batch by batch, into another file. One thread does all.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use fluvio_protocol::record::Record;

use crate::chain::Chain;

/// Bytes that are read, and written, at a time.
const BUFFER: usize = 256 << 10;

/// Adds one to each line of `input`, with `size` lines in each call.
pub(crate) fn run(chain: &mut Chain, input: &Path, output: &Path, size: usize) -> anyhow::Result<()> {
    let source = File::open(input).with_context(|| format!("can't open {}", input.display()))?;
    let sink = File::create(output).with_context(|| format!("can't create {}", output.display()))?;
    let mut source = BufReader::with_capacity(BUFFER, source);
    let mut sink = BufWriter::with_capacity(BUFFER, sink);
    let mut records = Vec::with_capacity(size);
    while read(&mut source, size, &mut records)? {
        let results = chain.process(&records)?;
        ensure!(results.len() == records.len(), "{} records became {}", records.len(), results.len());
        for record in results {
            sink.write_all(record.value())?;
            sink.write_all(b"\n")?;
        }
    }
    sink.flush().with_context(|| format!("can't write {}", output.display()))
}

/// Fills `records` with the next `size` lines, or with what is left. Says whether there were any.
fn read(source: &mut impl BufRead, size: usize, records: &mut Vec<Record>) -> anyhow::Result<bool> {
    records.clear();
    let mut begun = Vec::new();
    while records.len() < size {
        let buffer = source.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', buffer).take(size - records.len()) {
            records.push(record(&mut begun, &buffer[start..end]));
            start = end + 1;
        }
        if records.len() < size {
            begun.extend_from_slice(&buffer[start..]);
            start = buffer.len();
        }
        source.consume(start);
    }
    if !begun.is_empty() {
        records.push(record(&mut begun, b""));
    }
    Ok(!records.is_empty())
}

/// A record of what of a line was in the buffer before, and of the rest. It takes memory of just that
/// size, which the record then keeps.
fn record(begun: &mut Vec<u8>, rest: &[u8]) -> Record {
    if begun.is_empty() {
        return Record::new(rest);
    }
    begun.extend_from_slice(rest);
    Record::new(std::mem::take(begun))
}
