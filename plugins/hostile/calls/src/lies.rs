//! What needs nothing: claims, memory, time, random numbers, the command line, handles that are none.

use std::hint::black_box;

use wasip2::random::{insecure, insecure_seed, random};
use wasip2::{cli, io};

use crate::engine::plugin::host;
use crate::held::{Held, forges, forgets, gives_back};
use crate::program::Program;
use crate::{Call, ignore};

pub(crate) const ALL: &[Call] = &[
    claims_progress,
    claims_progress,
    claims_a_panic,
    panics,
    goes_back,
    gives_back,
    gives_back,
    forgets,
    forges,
    grows,
    hoards,
    is_busy,
    draws,
    asks_the_command_line,
    hands_over_what_is_not_its,
    ends,
];

fn claims_progress(program: &mut Program, _: &mut Held) {
    host::progress(program.index());
}

fn claims_a_panic(program: &mut Program, _: &mut Held) {
    let index = program.index();
    host::panicked(index, &String::from_utf8_lossy(&program.bytes()));
}

fn panics(program: &mut Program, _: &mut Held) {
    assert!(!program.one_in(4), "as the program says");
}

fn goes_back(program: &mut Program, _: &mut Held) {
    program.go_back();
}

/// Memory by pages, more than there may be among others.
fn grows(program: &mut Program, _: &mut Held) {
    let pages = program.size().min(1 << 20) as usize;
    #[cfg(target_family = "wasm")]
    black_box(core::arch::wasm32::memory_grow(0, pages));
    #[cfg(not(target_family = "wasm"))]
    black_box(pages);
}

/// Memory that is written to, and kept.
fn hoards(program: &mut Program, _: &mut Held) {
    black_box(program.bytes().leak());
}

fn is_busy(program: &mut Program, _: &mut Held) {
    for turn in 0..program.size().min(1 << 24) {
        black_box(turn);
    }
}

fn draws(program: &mut Program, _: &mut Held) {
    match program.byte() % 5 {
        0 => ignore(random::get_random_bytes(program.size())),
        1 => ignore(insecure::get_insecure_random_bytes(program.size())),
        2 => ignore(random::get_random_u64()),
        3 => ignore(insecure::get_insecure_random_u64()),
        _ => ignore(insecure_seed::insecure_seed()),
    }
}

fn asks_the_command_line(program: &mut Program, held: &mut Held) {
    match program.byte() % 9 {
        0 => ignore(cli::environment::get_environment()),
        1 => ignore(cli::environment::get_arguments()),
        2 => ignore(cli::environment::initial_cwd()),
        3 => ignore(cli::terminal_stdin::get_terminal_stdin()),
        4 => ignore(cli::terminal_stdout::get_terminal_stdout()),
        5 => ignore(cli::terminal_stderr::get_terminal_stderr()),
        6 => held.inputs.push(cli::stdin::get_stdin()),
        7 => held.outputs.push(cli::stdout::get_stdout()),
        _ => held.outputs.push(cli::stderr::get_stderr()),
    }
}

/// Bytes that are not its memory's, or more than there are.
fn hands_over_what_is_not_its(program: &mut Program, held: &mut Held) {
    let start = program.one_of(&[8_usize, 65_536, 1 << 20, 0xffff_fff0]);
    let length = program.one_of(&[1_usize, 1 << 16, 1 << 22, 0x7fff_fff0]);
    // SAFETY: none; the host has to see that there is no such memory.
    let bytes = unsafe { std::slice::from_raw_parts(black_box(start as *const u8), length) };
    let output = held.outputs.pop().unwrap_or_else(cli::stderr::get_stderr);
    match program.byte() % 3 {
        0 => ignore(output.write(bytes)),
        // SAFETY: none; the host has to see that it is no text.
        1 => host::panicked(0, unsafe { std::str::from_utf8_unchecked(bytes) }),
        _ => {
            let pollable = output.subscribe();
            let many = vec![&pollable; length.min(1 << 16)];
            ignore(io::poll::poll(&many));
        }
    }
}

/// Ends the instance, or does so unless it may go on.
fn ends(program: &mut Program, _: &mut Held) {
    match program.byte() % 8 {
        0 => cli::exit::exit(Ok(())),
        1 => cli::exit::exit(Err(())),
        2 => {
            #[cfg(target_family = "wasm")]
            core::arch::wasm32::unreachable();
        }
        3 => ignore(recurses(0)),
        _ => {}
    }
}

fn recurses(depth: u64) -> u64 {
    let deeper: fn(u64) -> u64 = black_box(recurses);
    deeper(depth + 1) + 1
}
