//! Clocks, and what waits for them.

use std::hint::black_box;

use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::io::poll::{self, Pollable};

use crate::held::{Held, pick};
use crate::program::Program;
use crate::{Call, ignore};

pub(crate) const ALL: &[Call] = &[tells_time, waits_for, waits_until, blocks, polls, polls, is_ready];

/// Nanoseconds: from none to for ever.
const TIMES: [u64; 7] = [0, 1, 1_000, 1_000_000, 5_000_000, 1 << 42, u64::MAX];

fn tells_time(program: &mut Program, _: &mut Held) {
    match program.byte() % 4 {
        0 => ignore(monotonic_clock::now()),
        1 => ignore(monotonic_clock::resolution()),
        2 => ignore(wall_clock::now()),
        _ => ignore(wall_clock::resolution()),
    }
}

fn waits_for(program: &mut Program, held: &mut Held) {
    held.pollables.push(monotonic_clock::subscribe_duration(program.one_of(&TIMES)));
}

fn waits_until(program: &mut Program, held: &mut Held) {
    let instant = match program.byte() % 2 {
        0 => program.one_of(&TIMES),
        _ => monotonic_clock::now().saturating_add(program.one_of(&TIMES)),
    };
    held.pollables.push(monotonic_clock::subscribe_instant(instant));
}

fn blocks(program: &mut Program, held: &mut Held) {
    if let Some(pollable) = pick(program, &held.pollables) {
        pollable.block();
    }
}

/// Of one or many, and the same ones over again; none is forbidden.
fn polls(program: &mut Program, held: &mut Held) {
    let count = program.size().min(10_000) as usize;
    let list: Vec<&Pollable> = held.pollables.iter().cycle().take(count).collect();
    if !list.is_empty() || program.one_in(16) {
        ignore(poll::poll(&list));
    }
}

fn is_ready(program: &mut Program, held: &mut Held) {
    if let Some(pollable) = pick(program, &held.pollables) {
        black_box(pollable.ready());
    }
}
