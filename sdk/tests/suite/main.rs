//! The SDK as plugins see it: functions are opened and called as the engine does it, without
//! WebAssembly between.

mod call; // What all tests use.

mod codecs; // What a record becomes, and what a value becomes.
mod failures; // Errors, and records that can't be read.
mod kinds; // What each kind of function gives for each record.
mod parameters; // Arguments, defaults and what is said of wrong ones.
mod refusals; // What does not compile, and what rustc says then.
mod signatures; // What the host is told of a function.
mod states; // What functions accumulate.
