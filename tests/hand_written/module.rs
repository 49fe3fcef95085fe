//! A plugin as a core module in text format; each part can be replaced.

use std::fmt::Write as _;
use std::path::PathBuf;

use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::support::root;

const CONTRACT: &str = "engine:plugin/stages@0.2.0";

/// A module with one function `f` that returns each record unchanged.
///
/// In memory: the list of functions at 16, the only one at [`SIGNATURE`], its name at 1024, what `open`
/// returns at 3000, the outcome at [`OUTCOME`], what `finish` returns at [`FINISHED`],
/// and `state` at [`STATE`]. What the host hands over comes from 65536 on.
pub(super) struct Module {
    pub(super) imports: String,
    /// The first size in pages.
    pub(super) memory: u32,
    pub(super) data: Vec<(u32, Vec<u8>)>,
    pub(super) realloc: String,
    pub(super) describe: String,
    pub(super) open: String,
    pub(super) process: String,
    pub(super) finish: String,
    pub(super) state: String,
    /// The call after the host has read a list of functions or an outcome.
    pub(super) post: String,
    /// Further definitions.
    pub(super) more: String,
}

pub(super) const SIGNATURE: u32 = 2048;
pub(super) const OUTCOME: u32 = 4000;
pub(super) const FINISHED: u32 = 5000;
pub(super) const STATE: u32 = 6000;

/// The kinds `map`, `accumulate` and `sink`.
const MAP: u32 = 0;
const ACCUMULATE: u32 = 3;
const SINK: u32 = 4;

/// The format `text`.
const TEXT: u32 = 1;

impl Default for Module {
    fn default() -> Self {
        let signature = [1024, 1, MAP, TEXT, 0, 0, 0, 1, TEXT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        Self {
            imports: String::new(),
            memory: 2,
            data: vec![(16, words(&[SIGNATURE, 1])), (1024, b"f".to_vec()), (SIGNATURE, words(&signature))],
            realloc: "(global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                global.get $next
                (global.set $next (i32.add (global.get $next) (local.get $wanted)))"
                .to_owned(),
            describe: "i32.const 16".to_owned(),
            open: "(i32.store (i32.const 3004) (call $new (i32.const 7))) i32.const 3000".to_owned(),
            process: "(i32.store (i32.const 4000) (local.get $data))
                (i32.store (i32.const 4004) (local.get $bytes))
                (i32.store (i32.const 4008) (local.get $ends))
                (i32.store (i32.const 4012) (local.get $count))
                (i32.store (i32.const 4036) (local.get $count))
                i32.const 4000"
                .to_owned(),
            finish: "i32.const 5000".to_owned(),
            state: "i32.const 6000".to_owned(),
            post: String::new(),
            more: String::new(),
        }
    }
}

/// Numbers in little-endian bytes.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

impl Module {
    /// A sink that takes all records.
    pub(super) fn sink() -> Self {
        let signature = [1024, 1, SINK, TEXT];
        let mut module = Self::default().writing(SIGNATURE, &signature).writing(SIGNATURE + 28, &[0]);
        module.process = "(i32.store (i32.const 4036) (local.get $count)) i32.const 4000".to_owned();
        module
    }

    /// An accumulator with an empty state that returns each record unchanged.
    pub(super) fn accumulate() -> Self {
        Self::default().writing(SIGNATURE + 8, &[ACCUMULATE])
    }

    /// The same with these words in memory from the start.
    pub(super) fn writing(mut self, at: u32, now: &[u32]) -> Self {
        self.data.push((at, words(now)));
        self
    }

    /// The same with these words in its outcomes, each by its place there in bytes.
    pub(super) fn claiming(mut self, claims: &[(u32, u32)]) -> Self {
        for (at, word) in claims {
            let at = OUTCOME + at;
            write!(self.process, "(i32.store (i32.const {at}) (i32.const {}))", word.cast_signed())
                .expect("a string takes all");
        }
        self
    }

    pub(super) fn text(&self) -> String {
        let Self { imports, memory, realloc, describe, open, process, finish, state, post, more, .. } = self;
        let mut data = String::new();
        for (at, bytes) in &self.data {
            let hex: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
            writeln!(data, r#"(data (i32.const {at}) "{hex}")"#).expect("a string takes all");
        }
        format!(
            r#"(module
            (import "[export]{CONTRACT}" "[resource-new]stage" (func $new (param i32) (result i32)))
            {imports}
            (memory (export "memory") {memory})
            (global $next (mut i32) (i32.const 65536))
            {data}
            (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $wanted i32) (result i32)
                {realloc})
            (func (export "{CONTRACT}#describe") (result i32) {describe})
            (func (export "cabi_post_{CONTRACT}#describe") (param i32) {post})
            (func (export "{CONTRACT}#[static]stage.open") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
                {open})
            (func (export "{CONTRACT}#[method]stage.process") (param i32)
                (param $data i32) (param $bytes i32) (param $ends i32) (param $count i32)
                (param $keyed i32) (param i32 i32 i32 i32) (param $room i32)
                (result i32) {process})
            (func (export "cabi_post_{CONTRACT}#[method]stage.process") (param i32) {post})
            (func (export "{CONTRACT}#[method]stage.finish") (param i32) (result i32) {finish})
            (func (export "{CONTRACT}#[method]stage.state") (param i32) (result i32) {state})
            {more})"#
        )
    }

    /// The file of the component.
    pub(super) fn component(&self, folder: &TempDir) -> PathBuf {
        let text = self.text();
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(root().join("wit")).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let encoder = ComponentEncoder::default().module(&module).unwrap();
        let path = folder.path().join("by-hand.wasm");
        std::fs::write(&path, { encoder }.encode().unwrap()).unwrap();
        path
    }
}
