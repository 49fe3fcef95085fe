//! A record as a program: calls and their operands, which are 0 after its end.

/// Sizes and offsets worth trying.
const SIZES: [u64; 16] = [
    0,
    1,
    2,
    100,
    4096,
    4097,
    65_535,
    65_536,
    65_537,
    1 << 20,
    1 << 24,
    (1 << 31) - 1,
    1 << 32,
    1 << 40,
    i64::MAX as u64,
    u64::MAX,
];

pub(crate) struct Program<'r> {
    record: &'r [u8],
    at: usize,
    /// How often it still goes back to its start.
    rounds: Option<u32>,
    /// How many records came with this one.
    records: u32,
    port: u16,
}

impl<'r> Program<'r> {
    /// `port` is one that may be connected to.
    pub(crate) fn new(record: &'r [u8], records: u32, port: u16) -> Self {
        Self { record, at: 0, rounds: None, records, port }
    }

    pub(crate) fn next(&mut self) -> Option<u8> {
        let byte = self.record.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// Whether to do so, in one of `times`.
    pub(crate) fn one_in(&mut self, times: u8) -> bool {
        self.byte().is_multiple_of(times)
    }

    /// A number of bytes, entries or nanoseconds.
    pub(crate) fn size(&mut self) -> u64 {
        SIZES[usize::from(self.byte()) % SIZES.len()]
    }

    /// Bytes to hand over.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        vec![b'x'; self.size().min(1 << 20) as usize]
    }

    /// A record of the call, or none of them.
    pub(crate) fn index(&mut self) -> u32 {
        let near = u32::from(self.byte() & 63);
        match self.byte() % 4 {
            0 => near,
            1 => self.records.wrapping_sub(near),
            2 => self.records.saturating_add(near),
            _ => u32::MAX - near,
        }
    }

    pub(crate) fn port(&mut self) -> u16 {
        self.one_of(&[self.port, self.port, self.port, 0, 1, 80])
    }

    /// One of these.
    pub(crate) fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::from(self.byte()) % list.len()]
    }

    /// Goes back to the start, some times or without end.
    pub(crate) fn go_back(&mut self) {
        // Without end is dear.
        let wanted = match self.byte() % 16 {
            15 => u32::MAX,
            times => 1 << times.min(12),
        };
        let rounds = self.rounds.get_or_insert(wanted);
        if *rounds > 0 {
            *rounds -= 1;
            self.at = 0;
        }
    }
}
