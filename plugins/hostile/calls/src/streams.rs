//! Streams: of stdin, stdout, files and sockets.

use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use crate::held::{Held, pick};
use crate::program::Program;
use crate::{Call, ignore};

pub(crate) const ALL: &[Call] =
    &[reads, reads, writes, writes, flushes, writes_zeroes, splices, watches_input, watches_output, explains];

/// Keeps the error that came of a call.
fn keep<T>(result: Result<T, StreamError>, held: &mut Held) {
    if let Err(StreamError::LastOperationFailed(error)) = result {
        held.errors.push(error);
    }
}

fn reads(program: &mut Program, held: &mut Held) {
    let Some(input): Option<&InputStream> = pick(program, &held.inputs) else { return };
    let mut read = Vec::new();
    let result = match program.byte() % 4 {
        0 => input.read(program.size()).map(|bytes| read = bytes),
        1 => input.blocking_read(program.size()).map(|bytes| read = bytes),
        2 => input.skip(program.size()).map(drop),
        _ => input.blocking_skip(program.size()).map(drop),
    };
    held.sees(&read);
    keep(result, held);
}

fn writes(program: &mut Program, held: &mut Held) {
    let Some(output): Option<&OutputStream> = pick(program, &held.outputs) else { return };
    let result = match program.byte() % 4 {
        0 => output.check_write().map(drop),
        1 => output.write(&program.bytes()),
        2 => output.blocking_write_and_flush(&program.bytes()),
        // As a guest that keeps to the rules does.
        _ => match output.check_write() {
            Ok(permit) => {
                let bytes = program.bytes();
                output.write(&bytes[..bytes.len().min(permit as usize)])
            }
            Err(error) => Err(error),
        },
    };
    keep(result, held);
}

fn flushes(program: &mut Program, held: &mut Held) {
    let Some(output) = pick(program, &held.outputs) else { return };
    let result = if program.one_in(2) { output.flush() } else { output.blocking_flush() };
    keep(result, held);
}

fn writes_zeroes(program: &mut Program, held: &mut Held) {
    let Some(output) = pick(program, &held.outputs) else { return };
    let result = match program.byte() % 2 {
        0 => output.write_zeroes(program.size()),
        _ => output.blocking_write_zeroes_and_flush(program.size()),
    };
    keep(result, held);
}

fn splices(program: &mut Program, held: &mut Held) {
    let Some(output) = pick(program, &held.outputs) else { return };
    let Some(input) = pick(program, &held.inputs) else { return };
    let result = match program.byte() % 2 {
        0 => output.splice(input, program.size()).map(drop),
        _ => output.blocking_splice(input, program.size()).map(drop),
    };
    keep(result, held);
}

fn watches_input(program: &mut Program, held: &mut Held) {
    if let Some(input) = pick(program, &held.inputs) {
        held.pollables.push(input.subscribe());
    }
}

fn watches_output(program: &mut Program, held: &mut Held) {
    if let Some(output) = pick(program, &held.outputs) {
        held.pollables.push(output.subscribe());
    }
}

fn explains(program: &mut Program, held: &mut Held) {
    if let Some(error) = pick(program, &held.errors) {
        ignore(error.to_debug_string());
        ignore(wasip2::filesystem::types::filesystem_error_code(error));
    }
}
