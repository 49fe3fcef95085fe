//! Components that are oversized in one way: each is refused soon, with one line, or runs.

use std::fs;
use std::time::{Duration, Instant};

use super::module::Module;
use crate::support::{Did, engine, fed};

/// Runs a plugin over one record, with 3 s and 1 GiB to compile it.
fn run(wasm: &[u8]) -> Did {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("giant.wasm");
    fs::write(&path, wasm).unwrap();
    let mut command = engine(["run", "-q", "--compile-timeout", "3s", "--compile-memory", "1GiB", "-p"]);
    command.arg(&path).env("XDG_CACHE_HOME", folder.path()).env("HOME", folder.path());
    let begun = Instant::now();
    let did = fed(command, "one\n");
    // Everything but compilation must be fast.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}: {}", begun.elapsed(), did.stderr);
    assert!(did.stderr.lines().count() <= 1 && did.stderr.chars().count() < 600, "{}", did.stderr);
    did
}

fn refused(name: &str, wasm: &[u8], problem: &str) {
    let did = run(wasm);
    assert!(did.code == Some(2) && did.stderr.contains(problem), "{name}: {:?} {}", did.code, did.stderr);
}

/// A component of this text.
fn component(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {text})")).unwrap()
}

/// A name of this many letters, in a component's notation.
fn name(letters: usize) -> String {
    "a".repeat(letters)
}

#[test]
fn row_8_an_oversized_component_is_refused_with_one_line() {
    let function = r#"(core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))"#;
    let exports: String = (0..50_000).map(|n| format!(r#"(export "e{n}" (func $f))"#)).collect();
    let imports: String = (0..50_000).map(|n| format!(r#"(import "i{n}" (func))"#)).collect();
    let instances = r#"(core instance (instantiate $m))"#.repeat(900);
    let modules = "(core module)".repeat(900);
    let deep: String = (1..90).map(|n| format!("(type $t{n} (list $t{}))", n - 1)).collect();
    let wide: String = (1..60).map(|n| format!("(type $t{n} (tuple $t{0} $t{0}))", n - 1)).collect();
    let contract = "but this engine runs engine:plugin/stages@0.2.0";
    for (name, text, problem) in [
        ("50,000 exports", format!("{function} {exports}"), contract),
        ("50,000 imports", format!("{imports} {function}"), "it has no functions"),
        (
            "a name of 90,000 letters",
            format!(r#"{function} (export "{}" (func $f))"#, name(90_000)),
            contract,
        ),
        ("900 core instances", format!("{function} {instances}"), "901 core module instances"),
        ("900 core modules", modules, "it has no functions"),
        ("a deep type", format!(r#"(type $t0 u8) {deep} (export "t" (type $t89))"#), "is not a plugin: "),
        (
            "a type of 2^60 fields",
            format!(r#"(type $t0 u8) {wide} (export "t" (type $t59))"#),
            "is not a plugin: ",
        ),
    ] {
        refused(name, &component(&text), problem);
    }
}

#[test]
fn row_8_nested_components_are_refused_with_one_line() {
    let head = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
    let mut nested = head.to_vec();
    for _ in 0..20_000 {
        let mut outer = head.to_vec();
        outer.push(4);
        outer.extend(leb(nested.len()));
        outer.append(&mut nested);
        nested = outer;
    }
    let did = run(&nested);
    let told = ["is not a plugin: ", "can't be compiled: "].iter().any(|told| did.stderr.contains(told));
    assert!(did.code == Some(2) && told, "{:?} {}", did.code, did.stderr);
}

/// A number in LEB128, as in WebAssembly.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[test]
fn row_8_a_slow_compilation_times_out() {
    let folder = tempfile::tempdir().unwrap();
    let with = |more: String| fs::read(Module { more, ..Module::default() }.component(&folder)).unwrap();
    let sums = "(local.set 0 (i32.add (local.get 0) (i32.mul (local.get 0) (i32.const 3))))".repeat(500_000);
    let nested = format!("{} {}", "(block ".repeat(50_000), ")".repeat(50_000));
    let labels = " 0".repeat(900_000);
    let locals = "i64 ".repeat(49_000);
    let calls = "(call $i (local.get 0)) drop ".repeat(200_000);
    for (name, more) in [
        ("a function of 500,000 sums", format!("(func (export \"g\") (param i32) {sums})")),
        ("50,000 blocks in blocks", format!("(func (export \"g\") {nested})")),
        ("a branch to 900,000 places", format!("(func (export \"g\") (br_table {labels} (i32.const 0)))")),
        ("49,000 locals", format!("(func (export \"g\") (local {locals}))")),
        (
            "200,000 calls",
            format!("(func $i (param i32) (result i32) local.get 0) (func (param i32) {calls})"),
        ),
        ("100,000 functions", "(func (param i64) (result i64) local.get 0)".repeat(100_000)),
    ] {
        let did = run(&with(more));
        let right = match did.code {
            Some(0) => did.stdout == "one\n",
            Some(2) => did.stderr.contains("can't be compiled: ") || did.stderr.contains("is not a plugin: "),
            _ => false,
        };
        assert!(right, "{name}: {:?} {}", did.code, did.stderr);
    }
}
