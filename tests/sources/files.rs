//! Files, compressed ones among them.

use engine::Error;
use engine::error::FileError;
use engine::sources::{self, Csv, Layout};

use super::support::{file, folder};
use crate::support::divert_to_list;
use crate::support::feeds::{fed, lines_of};

#[tokio::test]
async fn files_are_read_in_order_and_a_last_line_ends_with_its_file() {
    let folder = folder();
    let paths = [file(&folder, "a", "1\n2"), file(&folder, "b", ""), file(&folder, "c", "3\r\n\n")];
    assert_eq!(lines_of(sources::files(paths)).await, ["1", "2", "3", ""]);
    let nul = file(&folder, "nul", "a\nb\0c\0");
    assert_eq!(lines_of(sources::files([nul]).separated_by(0)).await, ["a\nb", "c"]);
}

#[tokio::test]
async fn a_missing_file_is_named_after_the_records_before_it() {
    let folder = folder();
    let missing = folder.path().join("missing");
    let (lines, ended) = fed::<i64>(sources::files([file(&folder, "a", "1\n"), missing.clone()])).await;
    assert_eq!(lines, [1]);
    assert!(matches!(ended, Err(Error::File(FileError::Read { path, .. })) if path == missing));
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn compressed_files_are_detected_by_their_first_bytes() {
    let folder = folder();
    let members = [gzip("1\n2"), gzip("3\n")].concat();
    let frames = [zstd::encode_all(&b"4\n"[..], 1).unwrap(), zstd::encode_all(&b"5\n"[..], 1).unwrap()];
    let paths = [
        file(&folder, "gzip", members),
        file(&folder, "zstd", frames.concat()),
        file(&folder, "plain.gz", "6\n"),
        file(&folder, "empty", ""),
    ];
    assert_eq!(lines_of(sources::files(paths)).await, ["1", "23", "4", "5", "6"]);
}

#[tokio::test]
async fn a_zstd_file_may_begin_with_a_frame_to_skip() {
    let folder = folder();
    let frame = zstd::encode_all(&b"1\n"[..], 1).unwrap();
    // As pzstd writes it: the length of the frame after it.
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], &[frame.len() as u8, 0, 0, 0]].concat();
    let path = file(&folder, "pzstd", [skipped, frame].concat());
    assert_eq!(lines_of(sources::files([path])).await, ["1"]);
    assert_eq!(lines_of(sources::files([file(&folder, "text", "P*\n")])).await, ["P*"]);
}

#[tokio::test]
async fn other_compressions_and_encodings_are_named() {
    let folder = folder();
    for (bytes, named) in [
        (&b"\xfd7zXZ\0\0\x04"[..], "compressed with xz, which is not supported: decompress it"),
        (b"BZh91AY&SY\x01", "compressed with bzip2"),
        (b"\x04\x22\x4d\x18\x64", "compressed with lz4"),
        (b"PK\x03\x04\x14", "a zip archive"),
        (b"\xff\xfea\0\n\0", "UTF-16, and only UTF-8 is supported: convert it"),
        (b"\xfe\xff\0a\0\n", "UTF-16"),
    ] {
        let path = file(&folder, "other", bytes);
        for follow in [false, true] {
            let (lines, ended) = fed::<Vec<u8>>(sources::files([&path]).follow(follow)).await;
            let error = ended.unwrap_err();
            assert_eq!(error.to_string(), format!("can't read {}", path.display()));
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains(named) && lines.is_empty(), "{cause}");
        }
    }
    for text in ["BZh", "BZh9", "BZh9 is bzip2", "PK", "PK\u{3}", "\u{4}\"M", "\u{1f}", "("] {
        assert_eq!(lines_of(sources::files([file(&folder, "text", text)])).await, [text]);
    }
}

#[tokio::test]
async fn a_truncated_compressed_file_is_named() {
    let folder = folder();
    let text: String = (0..100_000).map(|i| format!("{i}\n")).collect();
    for (name, bytes) in [("cut.gz", gzip(&text)), ("cut.zst", zstd::encode_all(text.as_bytes(), 1).unwrap())]
    {
        let path = file(&folder, name, &bytes[..bytes.len() / 2]);
        let (lines, ended) = fed::<String>(sources::files([path.clone()])).await;
        assert!(lines.iter().zip(0..).all(|(line, i)| *line == i.to_string()) && !lines.is_empty());
        let error = ended.unwrap_err();
        assert_eq!(error.to_string(), format!("can't read {}", path.display()));
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("incomplete") || cause.contains("unexpected"), "{cause}");
    }
}

#[tokio::test]
async fn files_can_be_read_with_another_layout() {
    let folder = folder();
    let paths = [file(&folder, "a.csv", gzip("n\n1\n")), file(&folder, "b.csv", "m\n2\n")];
    let rows = lines_of(sources::files(paths).layout(Layout::Csv(Csv::new()))).await;
    assert_eq!(rows, [r#"{"n":"1"}"#, r#"{"m":"2"}"#]);
}

#[tokio::test]
async fn errors_name_their_file_and_line() {
    let folder = folder();
    let first = file(&folder, "a", "a,b\n1,2\n");
    let second = file(&folder, "b", "a,b\n1,\"x\ny\"\n\nalone\n");
    let rows = sources::files([first, second.clone()]).layout(Layout::Csv(Csv::new()));
    let said = format!("record 3: csv: it has 1 field, and the header has 2 ({}, line 5)", second.display());
    assert_eq!(fed::<String>(rows).await.1.unwrap_err().to_string(), said);
    let third = file(&folder, "c", "1\n\nno\n");
    let json = sources::files([third.clone()]).layout(Layout::Ndjson);
    let said = fed::<String>(json).await.1.unwrap_err().to_string();
    assert!(said.ends_with(&format!(" ({}, line 3)", third.display())), "{said}");
}

/// A line that is too long, between others.
fn with_long_line(before: &str, after: &str) -> Vec<u8> {
    [before.as_bytes(), &vec![b'7'; 33 << 20], b"\n", after.as_bytes()].concat()
}

#[tokio::test]
async fn a_line_that_is_too_long_is_a_fault_and_later_lines_are_read() {
    let folder = folder();
    let short = file(&folder, "short", "1\n");
    for (layout, name, before, after, line) in [
        (Layout::default(), "lines", "2\n", "3\n4", 2),
        (Layout::Ndjson, "ndjson", "2\n\n", "3\n4", 3),
        (Layout::Csv(Csv::new().headers(["n"])), "csv", "2\n", "3\n4", 2),
    ] {
        let long = file(&folder, "long", with_long_line(before, after));
        let (policy, letters) = divert_to_list();
        let files = sources::files([short.clone(), long.clone()]).layout(layout.clone()).on_fault(&policy);
        let (lines, ended) = fed::<String>(files).await;
        ended.unwrap();
        assert_eq!(lines.len(), 4, "{name}");
        assert!(lines.iter().zip(1..).all(|(line, n)| line.contains(&n.to_string()) && line.len() < 10));
        let letters = letters.read();
        let said = format!("record 3: {name}: it is longer than 32.0 MiB ({}, line {line})", long.display());
        assert_eq!((letters.len(), letters[0].fault.to_string()), (1, said));
        assert_eq!(letters[0].record.len(), 32 << 20, "{name}");
        // By default, the run ends there.
        let files = sources::files([short.clone(), long]).layout(layout);
        let (lines, ended) = fed::<String>(files).await;
        assert_eq!((lines.len(), ended.is_err()), (2, true), "{name}");
    }
}

#[tokio::test]
async fn a_row_of_csv_that_does_not_end_says_why_it_is_too_long() {
    let folder = folder();
    let rows = format!("a,b\n1,\"2\n{}3,4\n", "5,6\n".repeat(9 << 20));
    let path = file(&folder, "rows", rows);
    let (policy, letters) = divert_to_list();
    let files = sources::files([path.clone()]).layout(Layout::Csv(Csv::new())).on_fault(&policy);
    assert_eq!(lines_of(files).await, [""; 0]);
    let said =
        "it is longer than 32.0 MiB, and the row takes 8388608 lines: look for a quote that is not closed";
    let letters = letters.read();
    assert_eq!(letters[0].fault.to_string(), format!("record 1: csv: {said} ({}, line 2)", path.display()));
    assert_eq!(letters.len(), 1);
}

#[tokio::test]
async fn a_line_of_json_that_is_not_utf8_is_a_fault() {
    let folder = folder();
    let path = file(&folder, "a", b"{\"a\":\"x\"}\n{\"a\":\"\xff\"}\n{1}\n2\n");
    let (policy, letters) = divert_to_list();
    let files = sources::files([path.clone()]).layout(Layout::Ndjson).on_fault(&policy);
    assert_eq!(lines_of(files).await, ["{\"a\":\"x\"}", "2"]);
    let letters: Vec<_> = letters.read().iter().map(|letter| letter.fault.to_string()).collect();
    let at = |line: u64| format!("({}, line {line})", path.display());
    assert_eq!(letters[0], format!("record 2: ndjson: it is not UTF-8 {}", at(2)));
    assert_eq!(
        letters[1],
        format!("record 3: ndjson: it is not JSON: key must be a string at column 2 {}", at(3))
    );
}
