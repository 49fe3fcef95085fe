//! A guest whose records are programs: each byte is a call of the host, or an operand of one. So a test or a
//! fuzzer can try any sequence of calls by giving it records.
//!
//! `calls` has nothing, `granted` has folders and connections, and `sinks` is a sink, whose records have a
//! deadline each. What they give back is how many calls a record made. `explores` has folders, keeps its handles
//! from record to record, and gives back what it read.

use std::cell::RefCell;

mod clocks;
mod files;
mod held;
mod lies;
mod program;
mod sockets;
mod streams;

wit_bindgen::generate!({ path: "../../../wit", world: "stream-plugin" });

use engine::plugin::host;
use exports::engine::plugin::stages::{
    Batch, Format, Guest, GuestStage, Kind, Outcome, Parameter, Shape, Signature, Stage,
};

use crate::held::Held;
use crate::program::Program;

struct Plugin;

export!(Plugin);

/// A call, with its operands in the program.
type Call = fn(&mut Program, &mut Held);

/// All calls, by the byte that stands for them.
const CALLS: &[&[Call]] = &[lies::ALL, clocks::ALL, streams::ALL, files::ALL, sockets::ALL];

/// Those of `explores`.
const EXPLORING: &[&[Call]] = &[files::ALL, streams::ALL, &[held::gives_back]];

/// What a call gives back is not looked at.
fn ignore<T>(given: T) {
    std::hint::black_box(given);
}

/// Makes the calls of a program, and says how many there were.
fn run(mut program: Program, calls: &[&[Call]], held: &mut Held) -> u64 {
    let mut made = 0;
    let count: usize = calls.iter().map(|calls| calls.len()).sum();
    while let Some(byte) = program.next() {
        let call = calls.iter().copied().flatten().nth(usize::from(byte) % count);
        call.expect("the place is below their number")(&mut program, held);
        made += 1;
    }
    made
}

impl Guest for Plugin {
    type Stage = Opened;

    fn describe() -> Vec<Signature> {
        let signature = |name: &str, kind, needs: &[&str]| Signature {
            name: name.to_owned(),
            kind,
            input: Shape { format: Format::Bytes, schema: None },
            output: (kind != Kind::Sink).then_some(Shape { format: Format::Text, schema: None }),
            state: None,
            parameters: vec![Parameter {
                name: "port".to_owned(),
                shape: Shape { format: Format::Json, schema: None },
                required: false,
                default: None,
                docs: String::new(),
            }],
            capabilities: needs.iter().map(|need| (*need).to_owned()).collect(),
            docs: String::new(),
        };
        vec![
            signature("calls", Kind::Map, &[]),
            signature("granted", Kind::Map, &["dir", "net"]),
            signature("sinks", Kind::Sink, &[]),
            signature("explores", Kind::Map, &["dir"]),
        ]
    }
}

/// An open function.
struct Opened {
    is_sink: bool,
    /// Handles that go from record to record, of `explores`.
    explored: Option<RefCell<Held>>,
    /// The address of a listener to which connections are granted.
    port: u16,
}

impl GuestStage for Opened {
    fn open(name: String, given: Vec<(String, String)>, _: Option<Vec<u8>>) -> Result<Stage, String> {
        let port = given.first().map_or("1", |(_, port)| port).parse();
        let explored = (name == "explores").then(RefCell::default);
        Ok(Stage::new(Self { is_sink: name == "sinks", explored, port: port.map_err(|_| "port is none")? }))
    }

    fn process(&self, input: Batch, _: Option<Batch>, _: u32) -> Outcome {
        let consumed = input.ends.len() as u32;
        let mut output = Batch { data: Vec::new(), ends: Vec::new() };
        let mut start = 0;
        for (index, end) in (0..).zip(&input.ends) {
            if self.is_sink {
                host::progress(index);
            }
            let record = &input.data[start..*end as usize];
            let program = Program::new(record, consumed, self.port);
            let given = match &self.explored {
                Some(held) => {
                    let mut held = held.borrow_mut();
                    if record.is_empty() {
                        // In the order in which the host lets them go.
                        *held = Held::default();
                    }
                    run(program, EXPLORING, &mut held);
                    std::mem::take(&mut held.seen)
                }
                None => run(program, CALLS, &mut Held::default()).to_string().into_bytes(),
            };
            if !self.is_sink {
                output.data.extend(given);
                output.ends.push(output.data.len() as u32);
                output.data.push(b'\n');
            }
            start = *end as usize + 1;
        }
        Outcome { output, counts: None, failures: Vec::new(), consumed }
    }

    fn finish(&self) -> Result<Batch, String> {
        Ok(Batch { data: Vec::new(), ends: Vec::new() })
    }

    fn state(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }
}
