//! Rows of CSV and lines of JSON, broken ones among them.

use engine::sources::{self, Csv, Feed, Layout};
use engine::{CancellationToken, Source, sinks};

use crate::support::divert_to_list;
use crate::support::feeds::{fed, lines_of};

#[tokio::test]
async fn a_broken_row_is_a_fault_and_later_rows_keep_their_numbers() {
    let bytes = b"a,b\n1,\"x\ny\"\n2\n3,\xff\n4,z\n";
    let (policy, letters) = divert_to_list();
    let source = Source::<Vec<u8>>::new();
    let (sink, rows) = sinks::list();
    source.stream().sink(sink);
    let csv = sources::csv(&bytes[..], Csv::new()).on_fault(&policy);
    csv.feed(&source, &CancellationToken::new()).await.unwrap();
    let rows: Vec<_> = rows.take().into_iter().map(|row| String::from_utf8(row).unwrap()).collect();
    assert_eq!(rows, [r#"{"a":"1","b":"x\ny"}"#, r#"{"a":"4","b":"z"}"#]);
    let letters = letters.read();
    assert_eq!(letters[0].fault.to_string(), "record 2: csv: it has 1 field, and the header has 2");
    assert_eq!(letters[1].fault.to_string(), "record 3: csv: it is not UTF-8");
    assert_eq!((&*letters[0].record, &*letters[1].record), (&b"2"[..], &b"3,\xff"[..]));
    assert_eq!((source.last_number(), source.progress().counts().faults), (4, 2));
}

#[tokio::test]
async fn a_broken_row_ends_the_run_after_the_rows_before_it() {
    let (rows, ended) = fed::<String>(sources::csv(&b"a\n1\n2,3\n4\n"[..], Csv::new())).await;
    assert_eq!(rows, [r#"{"a":"1"}"#]);
    assert_eq!(ended.unwrap_err().to_string(), "record 2: csv: it has 2 fields, and the header has 1");
}

#[tokio::test]
async fn csv_is_read_with_its_options() {
    let given = Csv::new().delimiter(b'\t').quote(None).headers(["n", "s"]).infer(true);
    let rows = lines_of(sources::csv(&b"1\t\"x\r\n\r\n-0.5e3\ttrue\n01\t\n"[..], given)).await;
    assert_eq!(rows, [r#"{"n":1,"s":"\"x"}"#, r#"{"n":-0.5e3,"s":true}"#, r#"{"n":"01","s":null}"#]);
    let twice = fed::<String>(sources::csv(&b"a,a\n1,2\n"[..], Csv::new())).await.1;
    assert_eq!(twice.unwrap_err().to_string(), r#"the header can't be used: it has two columns named "a""#);
}

#[tokio::test]
async fn rows_do_not_depend_on_chunk_boundaries() {
    let text: String = (0..5000).map(|i| format!("{i},\"a,{i}\"\r\n")).collect();
    for size in [1, 7, 4096] {
        let pieces = Pieces { text: format!("i,s\r\n{text}").into_bytes(), size };
        let rows = lines_of(sources::csv(pieces, Csv::new())).await;
        let expected = (0..5000).map(|i| format!(r#"{{"i":"{i}","s":"a,{i}"}}"#));
        assert!(rows.into_iter().eq(expected), "{size}");
    }
}

#[tokio::test]
async fn text_after_a_closing_quote_is_a_fault_and_never_altered() {
    let (policy, letters) = divert_to_list();
    let text = "a,b\n\"Ada\" Lovelace,1\nC. \"J\" Date,2\n\"\"\"x\"\"\",\"3\"\n\"y\"\" z\",4\r\n\"w\" ,5\n";
    let rows = lines_of(sources::csv(text.as_bytes(), Csv::new()).on_fault(&policy)).await;
    let good = [r#"{"a":"C. \"J\" Date","b":"2"}"#, r#"{"a":"\"x\"","b":"3"}"#, r#"{"a":"y\" z","b":"4"}"#];
    assert_eq!(rows, good);
    let said: Vec<_> = letters.read().into_iter().map(|letter| letter.fault.to_string()).collect();
    let reason = "csv: a field goes on after its closing quote: double the quotes in it";
    assert_eq!(said, [format!("record 1: {reason}"), format!("record 5: {reason}")]);
    assert_eq!(&*letters.read()[0].record, b"\"Ada\" Lovelace,1");
    let marked = "\u{feff}\"a, or b\",\"c\"\n1,2\n";
    assert_eq!(lines_of(sources::csv(marked.as_bytes(), Csv::new())).await, [r#"{"a, or b":"1","c":"2"}"#]);
    let header = fed::<String>(sources::csv(&b"\"a\" b\n1\n"[..], Csv::new())).await.1.unwrap_err();
    assert!(header.to_string().starts_with("the header can't be used: a field goes on"), "{header}");
}

#[tokio::test]
async fn a_blank_row_of_a_single_column_is_an_empty_value() {
    for ends in ["\n", "\r\n", "\r"] {
        let text = ["a", "", "1", "", "", "\"\"", "2", ""].join(ends);
        for size in [1, 2, 3, 100] {
            let pieces = Pieces { text: text.clone().into_bytes(), size };
            let rows = lines_of(sources::csv(pieces, Csv::new())).await;
            let values = ["", "1", "", "", "", "2"].map(|value| format!(r#"{{"a":"{value}"}}"#));
            assert_eq!(rows, values, "{ends:?} {size}");
        }
    }
    let (policy, letters) = divert_to_list();
    let rows = lines_of(sources::csv(&b"a\n\n\n1,2\n\n"[..], Csv::new()).on_fault(&policy)).await;
    assert_eq!(rows.len(), 3);
    assert_eq!(letters.read()[0].fault.record, 3);
    assert_eq!(lines_of(sources::csv(&b"a,b\n\n1,2\n\n"[..], Csv::new())).await.len(), 1);
}

/// Reads its text in chunks of this size.
pub(crate) struct Pieces {
    pub(crate) text: Vec<u8>,
    pub(crate) size: usize,
}

impl std::io::Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.size.min(self.text.len());
        buffer[..n].copy_from_slice(&self.text[..n]);
        self.text.drain(..n);
        Ok(n)
    }
}

#[tokio::test]
async fn an_invalid_json_line_is_a_fault_and_a_blank_one_is_skipped() {
    let (policy, letters) = divert_to_list();
    let text = "{\"a\": 1}\n\n  \nnot json\n[2]\n3 4\n\"end\"";
    let reader = Pieces { text: text.into(), size: 5 };
    let lines = lines_of(sources::ndjson(reader).on_fault(&policy)).await;
    assert_eq!(lines, [r#"{"a": 1}"#, "[2]", "\"end\""]);
    let letters: Vec<_> = letters.read().into_iter().map(|l| (l.fault.record, l.record.to_vec())).collect();
    assert_eq!(letters, [(2, b"not json".to_vec()), (4, b"3 4".to_vec())]);
}

#[tokio::test]
async fn a_byte_order_mark_before_json_is_left_out() {
    let lines = lines_of(sources::ndjson("\u{feff}{\"a\": 1}\n2\n".as_bytes())).await;
    assert_eq!(lines, [r#"{"a": 1}"#, "2"]);
    let (rows, ended) = fed::<String>(sources::ndjson("1\n\u{feff}2\n".as_bytes())).await;
    assert_eq!(rows, ["1"]);
    assert!(ended.unwrap_err().to_string().starts_with("record 2: ndjson: it is not JSON"));
}

#[tokio::test]
async fn a_last_row_without_a_closing_quote_is_a_fault() {
    let hint = ", and the row takes 2 lines: look for a quote that is not closed";
    for (cut, row, hint) in [("2,\"x\n3,y\n", "2,\"x\n3,y", hint), ("2,\"", "2,\"", "")] {
        let (policy, letters) = divert_to_list();
        let text = format!("a,b\n1,\"\"\"\"\n{cut}");
        let rows = lines_of(sources::csv(std::io::Cursor::new(text), Csv::new()).on_fault(&policy)).await;
        assert_eq!(rows, [r#"{"a":"1","b":"\""}"#]);
        let letter = &letters.read()[0];
        let said = format!("record 2: csv: its last field has no closing quote{hint}");
        assert_eq!(letter.fault.to_string(), said);
        assert_eq!(*letter.record, *row.as_bytes());
    }
    assert_eq!(lines_of(sources::csv(&b"a\n\"x\""[..], Csv::new())).await, [r#"{"a":"x"}"#]);
    assert_eq!(lines_of(sources::csv(&b"a\n\"x"[..], Csv::new().quote(None))).await, [r#"{"a":"\"x"}"#]);
    let header = fed::<String>(sources::csv(&b"\"a\n1\n"[..], Csv::new())).await.1.unwrap_err();
    let said = format!("the header can't be used: its last field has no closing quote{hint}");
    assert_eq!(header.to_string(), said);
}

#[tokio::test]
async fn a_quote_that_is_closed_by_a_later_one_is_hinted_at() {
    let (policy, letters) = divert_to_list();
    let text = "a,b\n1,\"x\n2,y\n3,\"z\",q\n4,w\n";
    let rows = lines_of(sources::csv(std::io::Cursor::new(text), Csv::new()).on_fault(&policy)).await;
    assert_eq!(rows, [r#"{"a":"4","b":"w"}"#]);
    let said = letters.read()[0].fault.to_string();
    assert!(said.contains("the row takes 3 lines: look for a quote"), "{said}");
}

#[tokio::test]
async fn an_invalid_json_line_is_told_by_its_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in");
    std::fs::write(&path, "1\n\n  3 4\n").unwrap();
    let (policy, letters) = divert_to_list();
    let files = sources::files([path.clone()]).layout(Layout::Ndjson).on_fault(&policy);
    assert_eq!(lines_of(files).await, ["1"]);
    let said = format!(
        "record 2: ndjson: it is not JSON: trailing characters at column 5 ({}, line 3)",
        path.display()
    );
    assert_eq!(letters.read()[0].fault.to_string(), said);
}

#[tokio::test]
async fn a_row_that_makes_too_long_a_record_is_a_fault() {
    let (policy, letters) = divert_to_list();
    let text = [&b"a\n"[..], &[1; 6 << 20], b"\n2\n"].concat();
    let csv = sources::csv(std::io::Cursor::new(text), Csv::new()).on_fault(&policy);
    assert_eq!(lines_of(csv).await, [r#"{"a":"2"}"#]);
    let letter = &letters.read()[0];
    assert_eq!(letter.fault.to_string(), "record 1: csv: its record is longer than 32.0 MiB");
    assert_eq!(letter.record.len(), 6 << 20);
}

#[tokio::test]
async fn refused_rows_are_counted_at_their_position() {
    let source = Source::<String>::new();
    let (sink, rows) = sinks::list();
    source.stream().sink(sink);
    let csv = sources::csv(&b"a\n1\n2,2\n3\n\"4"[..], Csv::new()).on_fault(&engine::FaultPolicy::skip());
    csv.feed(&source, &CancellationToken::new()).await.unwrap();
    assert_eq!(rows.take(), [r#"{"a":"1"}"#, r#"{"a":"3"}"#]);
    assert_eq!((source.last_number(), source.progress().counts().faults), (4, 2));
}
