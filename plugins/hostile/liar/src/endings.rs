//! Misbehaviour at both ends: while a function is opened, and while it finishes.

use std::hint::black_box;

use crate::Batch;

/// The functions' names.
pub(crate) const ALL: &[&str] = &[
    "loops_in_open",
    "panics_in_open",
    "refuses_open",
    "loops_in_finish",
    "panics_in_finish",
    "fails_in_finish",
    "outputs_in_finish",
    "lies_in_finish",
];

pub(crate) fn open(name: &str) -> Result<(), String> {
    match name {
        "loops_in_open" => endless(),
        "panics_in_open" => panic!("I can't be opened"),
        "refuses_open" => Err("I won't be opened\x1b[2J\x07\nfake line".to_owned()),
        _ => Ok(()),
    }
}

pub(crate) fn finish(name: &str) -> Result<Batch, String> {
    match name {
        "loops_in_finish" => endless(),
        "panics_in_finish" => panic!("I can't finish"),
        "fails_in_finish" => Err("I won't finish".to_owned()),
        "outputs_in_finish" => Ok(Batch { data: b"last\n".to_vec(), ends: vec![4] }),
        "lies_in_finish" => Ok(Batch { data: Vec::new(), ends: vec![u32::MAX] }),
        _ => Ok(Batch { data: Vec::new(), ends: Vec::new() }),
    }
}

fn endless() -> ! {
    loop {
        black_box(());
    }
}
