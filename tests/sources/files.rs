//! Files, compressed ones among them.

use std::error::Error as _;

use engine::Error;
use engine::error::FileError;
use engine::sources::{self, Csv, Layout};

use super::support::{file, folder};
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
    let long = file(&folder, "d", [&b"3\n"[..], &vec![b'x'; (32 << 20) + 1]].concat());
    let lines = sources::files([file(&folder, "e", "1\n2\n"), long.clone()]);
    let (lines, ended) = fed::<String>(lines).await;
    let error = ended.unwrap_err();
    assert_eq!(lines, ["1", "2", "3"]);
    assert_eq!(error.to_string(), format!("can't read {}", long.display()));
    assert_eq!(error.source().unwrap().to_string(), "its record 2 is longer than 32.0 MiB");
}
