//! What is reported of a table, by options of all kinds.

use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::de::DeTable;

use super::Table;
use crate::nodes::diagnostic::Report;
use crate::nodes::options::{Argument, Count, OneOrMore, Time};

/// Options of all kinds.
#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "they are only read")]
struct Options {
    /// The number of things.
    n: Count,
    /// How long it takes.
    time: Option<Time>,
    /// The text to show.
    text: Option<String>,
    /// The files to read.
    path: Option<OneOrMore<PathBuf>>,
    /// The program and its arguments.
    command: Option<Vec<String>>,
    /// Whether it is so.
    #[serde(default)]
    flag: bool,
    /// The values of others.
    #[serde(default)]
    #[schemars(with = "std::collections::HashMap<String, Argument>")]
    args: IndexMap<String, Argument>,
    /// What to do.
    choice: Option<Choice>,
    /// More of it.
    inner: Option<Inner>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "it is only read")]
enum Choice {
    /// This.
    Keep,
    /// That.
    Skip,
    /// That in a file.
    Divert(PathBuf),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "it is only read")]
struct Inner {
    /// The number of parts.
    parts: Count,
    /// The sum of parts.
    sum: Count,
}

#[expect(clippy::needless_pass_by_value, reason = "`check(…, expect![…])` reads as it is meant")]
#[track_caller]
fn check(text: &str, expected: Expect) {
    let entries = DeTable::parse(text).expect("it is TOML").into_inner();
    let mut report = Report::new(Path::new("p"), text);
    let read = Table::new("node", 0..0, entries).beside(&["type"]).options::<Options>(&mut report);
    let said = report.end().map_or_else(|found| found.to_string(), |()| String::new());
    assert_eq!(read.is_some(), said.is_empty(), "{read:?}");
    expected.assert_eq(&said);
}

#[test]
fn options_are_read_from_all_that_stands_for_them() {
    check(
        "n = \"3\"\ntime = 1.5\npath = [\"a\", \"b\"]\nflag = \"true\"\nargs = { a = 1, b = \"x\" }\n\
         choice = { divert = \"f\" }\ninner = { parts = 1, sum = 2 }",
        expect![""],
    );
    check("n = 1\npath = \"a\"\nchoice = \"keep\"\ncommand = [\"ls\"]", expect![""]);
}

#[test]
fn all_mistakes_of_a_table_are_reported_at_once() {
    check(
        "n = 0\ntim = 1\ntime = \"soon\"\ntext = 5\npath = [\"a\", 7, false]\ncommand = \"seq 3\"\nflag = 1\n\
         args = { a = [], b = {} }\nchoice = \"skipp\"\ntyp = \"x\"",
        expect![[r#"
            p:1:5: n: expected a whole number from 1, found 0
            p:2:1: node has no option tim (did you mean time?)
            p:3:8: time: expected a time, as "500ms", "2s" or a number of seconds, found "soon"
            p:4:8: text: expected a text, found 5 (text: the text to show)
            p:5:14: path: expected a text, found 7
            p:5:17: path: expected a text, found false
            p:6:11: command: expected a list, found "seq 3" (write ["seq", "3"])
            p:7:8: flag: expected true or false, found 1 (flag: whether it is so)
            p:8:14: args.a: expected a text, a number or a boolean, found a list
            p:8:22: args.b: expected a text, a number or a boolean, found a table
            p:9:10: choice: expected "keep", "skip" or { divert = … }, found "skipp" (did you mean "skip"?)
            p:10:1: node has no option typ (did you mean type?)"#]],
    );
    check(
        "choice = \"ignore\"\ninner = { parts = -1, some = 2 }\ntext = true",
        expect![[r#"
        p:1:1: node needs the option n (n: the number of things)
        p:1:10: choice: expected "keep", "skip" or { divert = … }, found "ignore"
        p:2:9: inner needs the option sum (sum: the sum of parts)
        p:2:19: inner.parts: expected a whole number from 1, found -1
        p:2:23: inner has no option some (there are parts, sum)
        p:3:8: text: expected a text, found true (text: the text to show)"#]],
    );
    check(
        "n = 1\nchoice = { diver = \"x\" }\ninner = {}",
        expect![[r#"
        p:2:10: choice: expected "keep", "skip" or { divert = … }, found { diver = … } (did you mean { divert = … }?)
        p:3:9: inner needs the option parts (parts: the number of parts)
        p:3:9: inner needs the option sum (sum: the sum of parts)"#]],
    );
    check(
        "n = 1\nchoice = \"divert\"\ninner = 3\nargs = 3\ncommand = 1979-05-27",
        expect![[r#"
        p:2:10: choice: expected "keep", "skip" or { divert = … }, found "divert" (did you mean { divert = … }?)
        p:3:9: inner: expected a table, as { name = … }, found 3 (inner: more of it)
        p:4:8: args: expected a table, as { name = … }, found 3 (args: the values of others)
        p:5:11: command: expected a list, found 1979-05-27 (command: the program and its arguments)"#]],
    );
    check(
        "n = 99999999999999999999\nchoice = { keep = 1 }\npath = {}",
        expect![[r#"
        p:1:5: n: expected a number that is not as large, found 99999999999999999999
        p:2:10: choice: expected "keep", "skip" or { divert = … }, found { keep = … } (did you mean "keep"?)
        p:3:8: path: expected a text, found a table (path: the files to read)"#]],
    );
}
