//! Rows of CSV.

use std::error::Error as _;
use std::fs;

use engine::sinks;

use crate::support::{divert_to_list, put};

#[tokio::test]
async fn objects_become_rows_and_others_are_faults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let records = [
        r#"{"z":"a,b","a":1.50}"#,
        r#"{"a":null,"z":{"k":[true]}}"#,
        r#"{"z":1}"#,
        r#"{"z":1,"a":2,"b":3}"#,
        "[1]",
        "7",
        r#"["x","y"]"#,
    ];
    let (policy, letters) = divert_to_list();
    put(records.map(str::to_owned), sinks::csv(&path).on_fault(&policy)).await.unwrap();
    let text = "z,a\n\"a,b\",1.50\n\"{\"\"k\"\":[true]}\",\nx,y\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let messages: Vec<_> = letters.read().iter().map(|letter| letter.fault.to_string()).collect();
    assert_eq!(
        messages,
        [
            r#"record 3: csv: it has no "a""#,
            r#"record 4: csv: there is no column for "b""#,
            "record 5: csv: it has 1 values, and there are 2 columns",
            "record 6: csv: it is neither a JSON object nor an array",
        ]
    );
    put(["[1,2]".to_owned()], sinks::csv(&path).columns(["z", "a"]).append(true)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{text}1,2\n"));
    put::<String>([], sinks::csv(&path).columns(["z", "a"])).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "z,a\n");
}

#[tokio::test]
async fn appended_rows_use_the_columns_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let before = "b,\"a,c\"\r\n1,2\r\n";
    fs::write(&path, before).unwrap();
    let rows = || sinks::csv(&path).append(true);
    put([r#"{"a,c":4,"b":3}"#.to_owned()], rows()).await.unwrap();
    put(["[5,6]".to_owned()], rows().columns(["b", "a,c"])).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}3,4\n5,6\n"));
    let (policy, letters) = divert_to_list();
    put([r#"{"x":1}"#.to_owned()], rows().on_fault(&policy)).await.unwrap();
    assert_eq!(letters.read()[0].fault.to_string(), r#"record 1: csv: it has no "b""#);
    for records in [vec!["[7,8]".to_owned()], vec![]] {
        let error = put(records, rows().columns(["a,c", "b"])).await.unwrap_err();
        assert_eq!(error.to_string(), format!("can't write {}", path.display()));
        assert_eq!(error.source().unwrap().to_string(), "its columns are b, a,c, not a,c, b");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}3,4\n5,6\n"));
    fs::write(&path, "").unwrap();
    put(["[7,8]".to_owned()], rows().columns(["a", "b"])).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n7,8\n");
}

#[tokio::test]
async fn numbers_in_rows_are_written_as_in_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let records = [
        r#"{"n":1e400,"m":12345678901234567890123}"#,
        r#"{"m":-0.10,"n":true}"#,
        r#"[{"b":1.0,"a":[ ]},"\u0041"]"#,
        r#"["\ud800",1]"#,
    ];
    let (policy, letters) = divert_to_list();
    put(records.map(str::to_owned), sinks::csv(&path).on_fault(&policy)).await.unwrap();
    let text = "n,m\n1e400,12345678901234567890123\ntrue,-0.10\n\"{\"\"b\"\":1.0,\"\"a\"\":[ ]}\",A\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let said = letters.read()[0].fault.to_string();
    assert!(said.starts_with("record 4: csv: a string in it is not valid: "), "{said}");
}
