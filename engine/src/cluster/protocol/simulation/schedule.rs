//! What goes wrong in one simulated run, drawn from a seed.

/// Random numbers that follow from a seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this; 0 below 0.
    pub(super) fn below(&mut self, most: u64) -> u64 {
        if most == 0 { 0 } else { self.next() % most }
    }

    /// True in `percent` of a hundred cases.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What can happen in one simulated run.
#[derive(Clone, Copy, Debug)]
pub(super) struct FaultSchedule {
    pub(super) records: u64,
    /// Unfinished records at most.
    pub(super) window: usize,
    pub(super) workers: usize,
    /// How many messages the broker has room for, of tasks and of results.
    pub(super) room: usize,
    /// Messages of a hundred that are lost, and that are repeated.
    pub(super) lost: u64,
    pub(super) repeated: u64,
    /// Results of a hundred that are wrong.
    pub(super) wrong: u64,
    /// The longest time that a message is on its way, in microseconds.
    pub(super) slow: u64,
    /// The longest time that a task takes, in microseconds.
    pub(super) work: u64,
    /// Incidents within the first seconds: processes die or sleep, the broker forgets or is away.
    pub(super) incidents: u64,
    /// The record that kills the worker that runs it.
    pub(super) poison: Option<u64>,
}

impl FaultSchedule {
    /// Most schedules have faults.
    pub(super) fn of(random: &mut Random) -> Self {
        let faulty = random.chance(70);
        let longest = if random.chance(20) { 2_000_000 } else { 50_000 };
        Self {
            records: 1 + random.below(40),
            window: 1 + random.below(12) as usize,
            workers: 1 + random.below(3) as usize,
            room: 2 + random.below(12) as usize,
            lost: if faulty { random.below(15) } else { 0 },
            repeated: if faulty { random.below(15) } else { 0 },
            wrong: if faulty { random.below(10) } else { 0 },
            slow: 100 + random.below(if faulty { 400_000 } else { 2000 }),
            work: 1 + random.below(longest),
            incidents: if faulty { random.below(5) } else { random.below(2) },
            poison: random.chance(15).then(|| random.below(40)),
        }
    }
}
