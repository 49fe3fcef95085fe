//! Why a call failed, told by the types of errors and by what the sandbox saw, never by texts.

use std::time::Duration;

use bytesize::ByteSize;
use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::Cause;
use crate::fault::Resource;
use crate::function::Limits;
use crate::plugin::host::resources::HANDLES;
use crate::plugin::refusal::Refusal;
use crate::plugin::sandbox::Sandbox;
use crate::plugin::sandbox::meter::expired;
use crate::plugin::undeclared::UndeclaredCall;
use crate::text::PlainText;

/// Whether an error of instantiation is the guest's own: its start function has failed, or it needs too much.
pub(in crate::plugin) fn is_guests(error: &wasmtime::Error, sandbox: &Sandbox) -> bool {
    error.is::<Trap>()
        || error.is::<I32Exit>()
        || was_running(error)
        || expired(&sandbox.meter)
        || sandbox.gauge.denied
}

/// Whether the guest was running, so that it had called the host if it did not trap.
fn was_running(error: &wasmtime::Error) -> bool {
    error.is::<WasmBacktrace>()
}

/// What ended a call.
pub(in crate::plugin) fn cause(
    error: &wasmtime::Error,
    sandbox: &Sandbox,
    limits: Limits,
    limit: Duration,
) -> Cause {
    if expired(&sandbox.meter) {
        return Cause::TimedOut { limit };
    }
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return Cause::Exited { code: *code };
    }
    if let Some(message) = sandbox.hints.panic() {
        return Cause::Panicked { message: PlainText::short(message) };
    }
    if sandbox.gauge.denied {
        return Cause::OutOfMemory { limit: limits.memory };
    }
    if sandbox.gauge.starved {
        return Cause::OutOfMemory { limit: sandbox.gauge.total_limit() };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Cause::StackOverflow,
        Some(trap) => Cause::Trapped { trap: name(*trap).into(), stderr: PlainText::short(sandbox.stderr()) },
        None => forbidden(error, limits),
    }
}

/// What ended a call that did not trap: the host refused what the guest asked for, or could not read what it
/// was given.
fn forbidden(error: &wasmtime::Error, limits: Limits) -> Cause {
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return (*refusal).into();
    }
    if let Some(call) = error.downcast_ref::<UndeclaredCall>() {
        return (*call).into();
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return Refusal { resource: Resource::Handles, limit: HANDLES as u64 }.into();
    }
    let most = ByteSize(hostcall_fuel(limits) as u64);
    let rule = if was_running(error) {
        format!("it made a host call that WASI forbids, or one that hands over more than {most}")
    } else {
        format!("what it returned can't be read from its memory, or is more than {most}")
    };
    Cause::BrokenContract { rule: rule.into() }
}

/// What a call may hand over, in bytes: no more than the guest's memory holds, unless what it claims overlaps.
pub(in crate::plugin) fn hostcall_fuel(limits: Limits) -> usize {
    limits.memory.saturating_mul(2).saturating_add(16 << 20)
}

fn name(trap: Trap) -> &'static str {
    match trap {
        Trap::MemoryOutOfBounds => "memory access out of bounds",
        Trap::HeapMisaligned => "unaligned atomic",
        Trap::TableOutOfBounds => "table access out of bounds",
        Trap::IndirectCallToNull => "call of a null function",
        Trap::BadSignature => "call of a function of another type",
        Trap::IntegerOverflow => "integer overflow",
        Trap::IntegerDivisionByZero => "division by zero",
        Trap::BadConversionToInteger => "float that is no integer",
        Trap::UnreachableCodeReached => "unreachable code",
        Trap::AllocationTooLarge => "allocation too large",
        _ => "forbidden operation",
    }
}
