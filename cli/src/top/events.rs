//! Server-sent events, as they come in.

use anyhow::ensure;

/// No event is longer, in bytes.
pub(super) const LONGEST: usize = 64 << 20;

/// What came of a stream of events and is no whole one yet.
#[derive(Debug, Default)]
pub(super) struct Events {
    bytes: Vec<u8>,
    data: Vec<u8>,
}

impl Events {
    /// Takes some bytes in. Returns the data of the last event that ends within them: only the latest counts.
    pub(super) fn take(&mut self, bytes: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        self.bytes.extend_from_slice(bytes);
        let mut last = None;
        let mut begin = 0;
        while let Some(length) = memchr::memchr(b'\n', &self.bytes[begin..]) {
            let line = &self.bytes[begin..begin + length];
            begin += length + 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match line.strip_prefix(b"data:") {
                Some(data) => {
                    let data = data.strip_prefix(b" ").unwrap_or(data);
                    self.data.extend(data.iter().chain(b"\n"));
                }
                None if line.is_empty() && !self.data.is_empty() => {
                    last = Some(std::mem::take(&mut self.data));
                }
                // Names, numbers and comments say nothing here.
                None => {}
            }
        }
        self.bytes.drain(..begin);
        ensure!(self.bytes.len() + self.data.len() <= LONGEST, "it sends more than {LONGEST} bytes at once");
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_may_arrive_in_pieces() {
        let text = b": hello\n\ndata: one\n\nevent: x\r\ndata:two\r\ndata: three\r\n\r\n";
        for size in 1..text.len() {
            let mut events = Events::default();
            let last = text.chunks(size).filter_map(|piece| events.take(piece).unwrap()).last();
            assert_eq!(last.unwrap(), b"two\nthree\n", "{size}");
        }
    }
}
