//! What the host is told of a function.

use std::borrow::Cow;

use engine_sdk::__private::{Format, Kind, Shape, Signature, describe};
use engine_sdk::{filter, flat_map, map, sink};

type Line = String;

/// Says what it does.
///
/// And more of it.
#[map(times = 2)]
fn documented(
    line: Line,
    /// How often.
    times: usize,
    end: Option<&str>,
    raw: Vec<u8>,
) -> Vec<u8> {
    let _ = (end, raw);
    line.repeat(times).into_bytes()
}

#[map]
fn r#match(line: &str) -> Cow<'_, str> {
    line.into()
}

#[map]
fn narrow(x: f32) -> Option<u8> {
    (x >= 0.0).then_some(x as u8)
}

#[filter]
fn odd_bytes(record: &[u8]) -> bool {
    record.len() % 2 == 1
}

#[flat_map]
fn lines(text: &str) -> impl Iterator<Item = &str> + '_ {
    text.lines()
}

#[flat_map]
fn split(text: &str) -> std::str::SplitWhitespace<'_> {
    text.split_whitespace()
}

#[flat_map]
fn pairs(x: (i64, bool)) -> Option<(bool, i64)> {
    Some((x.1, x.0))
}

#[map(needs("net:example.org:443", "clock"), times = 1, needs("dir"))]
fn needy(line: &str, times: usize) -> String {
    line.repeat(times)
}

#[sink]
fn consume(x: &bool) {
    let _ = x;
}

fn signature(name: &str) -> Signature {
    describe().into_iter().find(|signature| signature.name == name).expect("it is described")
}

fn shape(shape: &Shape) -> (Format, Option<&str>) {
    (shape.format, shape.schema.as_deref())
}

#[test]
fn signatures_give_names_documentation_and_parameters() {
    let signature = signature("documented");
    assert_eq!(signature.docs, "Says what it does.\n\nAnd more of it.");
    assert_eq!(signature.kind, Kind::Map);
    assert!(signature.capabilities.is_empty());
    let integer = Some(r#"{"type":"integer","format":"uint64"}"#);
    let [times, end, raw] = signature.parameters.as_slice() else {
        panic!("there are three parameters");
    };
    assert_eq!((times.name.as_str(), times.docs.as_str()), ("times", "How often."));
    assert_eq!((times.required, times.default.as_deref()), (false, Some("2")));
    assert_eq!(shape(&times.shape), (Format::Json, integer));
    assert_eq!((end.required, shape(&end.shape)), (false, (Format::Text, None)));
    assert_eq!((raw.required, shape(&raw.shape)), (true, (Format::Bytes, None)));
}

#[test]
fn shapes_follow_the_types() {
    let json = (Format::Json, None);
    let text = (Format::Text, None);
    let bytes = (Format::Bytes, None);
    let boolean = (Format::Json, Some(r#"{"type":"boolean"}"#));
    let float = (Format::Json, Some(r#"{"type":"number","format":"float"}"#));
    let uint8 = (Format::Json, Some(r#"{"type":"integer","format":"uint8"}"#));
    let expected = [
        ("documented", Kind::Map, text, Some(bytes)),
        ("match", Kind::Map, text, Some(text)),
        ("narrow", Kind::Map, float, Some(uint8)),
        ("odd_bytes", Kind::Filter, bytes, Some(bytes)),
        ("lines", Kind::FlatMap, text, Some(text)),
        ("split", Kind::FlatMap, text, Some(text)),
        ("pairs", Kind::FlatMap, json, Some(json)),
        ("consume", Kind::Sink, boolean, None),
    ];
    for (name, kind, input, output) in expected {
        let signature = signature(name);
        assert_eq!((name, signature.kind), (name, kind));
        assert_eq!((name, shape(&signature.input)), (name, input));
        assert_eq!((name, signature.output.as_ref().map(shape)), (name, output));
    }
}

#[test]
fn signatures_give_the_needed_capabilities() {
    assert_eq!(signature("needy").capabilities, ["net:example.org:443", "clock", "dir"]);
    assert!(signature("documented").capabilities.is_empty());
}
