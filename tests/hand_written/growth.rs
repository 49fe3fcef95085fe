//! Memories and tables that grow or fail to grow: the counted memory is the real memory.

use engine::function::Isolation;
use engine::{Monitor, Pool};
use proptest::collection::vec;

use super::module::Module;
use crate::support::{ran, runner};

/// What a byte of the record lets grow, by its lower four bits. The upper bits set `$by`.
const GROWTH: [&str; 10] = [
    "(memory.grow (local.get $by))",
    "(memory.grow (i32.mul (local.get $by) (i32.const 8)))",
    "(memory.grow (i32.const 512))",
    "(memory.grow (i32.const -1))",
    "(memory.grow $small (local.get $by))",
    "(memory.grow $small (i32.const 65535))",
    "(table.grow $few (ref.null func) (local.get $by))",
    "(table.grow $few (ref.null func) (i32.const -1))",
    "(table.grow $many (ref.null func) (i32.mul (local.get $by) (i32.const 1000)))",
    "(table.grow $many (ref.null func) (i32.const -1))",
];

/// A plugin with one memory and one table, or two of each, some with their own bound. It grows them as the bytes of the
/// record say, and returns their size in bytes as eight letters from `a` to `p`.
fn growing(two: bool) -> Module {
    let (second, size, entries) = if two {
        ("(memory $small 1 5) (table $many 1 funcref)", "(memory.size $small)", "(table.size $many)")
    } else {
        ("", "(i32.const 0)", "(i32.const 0)")
    };
    let growth = |kind: usize| match GROWTH[kind] {
        growth if (growth.contains("$small") || growth.contains("$many")) && !two => "(i32.const 0)",
        growth => growth,
    };
    let grow = (0..GROWTH.len()).fold("(i32.const 0)".to_owned(), |others, kind| {
        let growth = growth(kind);
        format!(
            "(if (result i32) (i32.eq (i32.and (local.get $byte) (i32.const 15)) (i32.const {kind}))
                (then {growth}) (else {others}))"
        )
    });
    let mut module = Module::default().claiming(&[(0, 7000), (4, 9), (8, 7012), (12, 1)]).writing(7012, &[8]);
    module.more = format!(
        "(table $few 1 50 funcref) {second}
        (func $grow (param $byte i32) (local $by i32)
            (local.set $by (i32.shl (i32.const 1) (i32.shr_u (local.get $byte) (i32.const 4))))
            {grow}
            drop)
        (func $tell (local $bytes i32) (local $at i32)
            (local.set $bytes (i32.add
                (i32.mul (i32.const 65536) (i32.add (memory.size) {size}))
                (i32.mul (i32.const 16) (i32.add (table.size $few) {entries}))))
            (loop
                (i32.store8 offset=7000 (local.get $at)
                    (i32.add (i32.const 97) (i32.and (local.get $bytes) (i32.const 15))))
                (local.set $bytes (i32.shr_u (local.get $bytes) (i32.const 4)))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get $at) (i32.const 8)))))"
    );
    module.process = format!(
        "(local $at i32)
        (loop $next (if (i32.lt_u (local.get $at) (i32.sub (local.get $bytes) (i32.const 1))) (then
            (call $grow (i32.sub (i32.load8_u (i32.add (local.get $data) (local.get $at))) (i32.const 32)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $next))))
        (call $tell) {}",
        module.process
    );
    module
}

/// Decodes a size from eight letters.
fn told(letters: &str) -> usize {
    letters.bytes().rev().fold(0, |bytes, letter| bytes * 16 + usize::from(letter - b'a'))
}

#[test]
fn counted_memory_matches_real_memory() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Pooled instances have room for only one of each in a module.
    for isolation in [Isolation::Thread, Isolation::Record] {
        let path = growing(isolation == Isolation::Thread).component(&folder);
        let monitor = Monitor::new();
        let pool = Pool::builder().threads(1).monitor(&monitor).isolation(isolation).build().unwrap();
        let plugin = pool.blocking_load(&path).unwrap();
        // The counted and the real memory, after a fresh instance ran a record.
        let grown = |record: String| {
            let function = plugin.function::<String, String>("f").unwrap();
            let (outputs, ended) = runtime.block_on(ran([record], |records| records.map(&function)));
            ended.unwrap();
            (function.usage().memory, told(&outputs[0]))
        };
        let (counted_first, there_first) = grown(String::new());
        let check = |bytes: Vec<u8>| {
            let (counted, there) = grown(String::from_utf8(bytes).unwrap());
            assert_eq!(counted - counted_first, there - there_first);
            assert!(counted <= 64 << 20);
            Ok(())
        };
        // From a blank to a tilde.
        runner(200).run(&vec(32..127_u8, 0..30), check).unwrap();
        if isolation == Isolation::Record {
            assert_eq!(monitor.status().pool.memory, 0, "every instance is gone");
        }
    }
}
