//! What stages do with records.

use super::support::{given, through};
use crate::support::Did;
use crate::support::pipelines::Files;

#[test]
fn grouping_nodes_emit_arrays() {
    assert_eq!(given("[stages.partition]\nn = 2", "a b c"), [r#"["a","b"]"#, r#"["c"]"#]);
    let json = "[sources.in]\ntype = \"stdin\"\nformat = \"json\"\n";
    let by_key = format!("{json}[stages.partition]\nn = 2\nkey = \"k\"\n[sinks.stdout]\n");
    let did = Files::new(&by_key).run("{\"k\":1,\"x\":0}\n{\"k\":2}\n{\"k\":1}\n");
    assert_eq!(did.stdout, "[{\"k\":1,\"x\":0},{\"k\":1}]\n[{\"k\":2}]\n");
    let unique = "[stages.partition_unique]\nn = 3\n";
    let unquoted =
        |lines: Vec<String>| lines.into_iter().map(|line| line.replace('"', "")).collect::<Vec<_>>();
    assert_eq!(unquoted(given(unique, "1 2 1 3 1 3 3 2")), ["[1,2,3]", "[1,3,2]"]);
    let last = format!("{unique}keep = \"last\"");
    assert_eq!(unquoted(given(&last, "1 2 1 3 1 3 3 2")), ["[2,1,3]", "[1,3,2]"]);
    let windows = "[stages.sliding_window]\nn = 2\n";
    assert_eq!(unquoted(given(windows, "a b c")), ["[a,b]", "[b,c]"]);
    let partial = format!("{windows}return_partial = true");
    assert_eq!(unquoted(given(&partial, "a b")), ["[a]", "[a,b]"]);
    assert_eq!(unquoted(given("[stages.collect]\nmost = 9", "a b c")), ["[a,b,c]"]);
}

#[test]
fn flatten_undoes_partition() {
    let stages = "[stages.partition]\nn = 2\n[stages.flatten]";
    let lines = ["a", "\"quoted\" \\ text", "", "[1]", "é"];
    let did = through(stages, &lines.map(|line| format!("{line}\n")).concat());
    assert_eq!(did.stdout.lines().collect::<Vec<_>>(), lines, "{}", did.stderr);
    let twice = "[stages.partition]\nn = 2\n[stages.again]\ntype = \"partition\"\nn = 2\n[stages.flatten]\n\
                 [stages.flat]\ntype = \"flatten\"";
    assert_eq!(given(twice, "a b c"), ["a", "b", "c"]);
}

#[test]
fn pluck_and_flatten_keep_bytes() {
    let pluck = |key: &str| format!("[stages.pluck]\nkey = {key}");
    let record = "{\"a\":{\"b\":[1.0,2e3]},\"z\":null}";
    assert_eq!(given(&pluck("\"a\""), record), ["{\"b\":[1.0,2e3]}"]);
    assert_eq!(given(&pluck("\"/a/b/1\""), record), ["2e3"]);
    assert_eq!(given(&pluck("[\"z\", \"a\"]"), record), ["[null,{\"b\":[1.0,2e3]}]"]);
    assert_eq!(given(&pluck("1"), "[5,6]"), ["6"]);
    assert_eq!(given("[stages.flatten]", "[1,[2],\"x\"] [] [3]"), ["1", "[2]", "\"x\"", "3"]);
}

#[test]
fn slice_filter_and_unique_select_records() {
    assert_eq!(given("[stages.slice]\nstart = 1\nend = 5\nstep = 2", "a b c d e f"), ["b", "d"]);
    assert_eq!(given("[stages.sample]\nn = 2", "a b c d e"), ["a", "c", "e"]);
    assert_eq!(given("[stages.scatter]\n[stages.sample]\nn = 3\n[stages.gather]", "a b c d"), ["a", "d"]);
    assert_eq!(given("[stages.sample]\nevery = \"1h\"", "a b c"), ["a"]);
    assert_eq!(given("[stages.filter]", "0 1 null a false {} [] \"\" x"), ["1", "a", "x"]);
    assert_eq!(given("[stages.unique]\nmaxsize = 2", "a b a c b"), ["a", "b", "c", "b"]);
    let by_key = "[stages.unique]\nmaxsize = 9\nkey = \"k\"";
    assert_eq!(given(by_key, "{\"k\":1} {\"k\":1,\"x\":2}"), ["{\"k\":1}"]);
    let counts = given("[stages.frequencies]", "a b a");
    assert_eq!(counts, ["{\"a\":1}", "{\"a\":1,\"b\":1}", "{\"a\":2,\"b\":1}"]);
}

#[test]
fn timing_nodes_change_no_records() {
    let stages = "[stages.delay]\ninterval = \"1ms\"\n[stages.rate_limit]\ninterval = 0.001\n[stages.buffer]\nn = 2\n\
                  [stages.latest]\n[stages.timed_window]\ninterval = \"1h\"\n[stages.flatten]";
    // `latest` may drop all but the newest record, and never the last one.
    assert_eq!(given(stages, "a b c").last().map(String::as_str), Some("c"));
}

#[test]
fn joins_combine_streams() {
    let two = |stage: &str| {
        let files = Files::new(&format!(
            "[sources.a]\ntype = \"files\"\npath = \"a\"\n[sources.b]\ntype = \"files\"\npath = \"b\"\n\
             [stages.both]\n{stage}\n[sinks.stdout]\n"
        ));
        files.write("a", "1\n2\n");
        files.write("b", "x\ny\n");
        let Did { code, stdout, stderr } = files.run("");
        assert_eq!((code, &*stderr), (Some(0), ""));
        let mut lines: Vec<_> = stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(two("type = \"union\"\nfrom = [\"a\", \"b\"]"), ["1", "2", "x", "y"]);
    let zip = "type = \"zip\"\nfrom = [\"b\", { literal = { k = 1 } }, \"a\"]";
    assert_eq!(two(zip), [r#"["x",{"k":1},"1"]"#, r#"["y",{"k":1},"2"]"#]);
    let last = two("type = \"combine_latest\"\nfrom = [\"a\", \"b\"]\nemit_on = \"b\"");
    assert!(last.len() <= 2 && last.iter().all(|pair| pair.contains(['x', 'y'])), "{last:?}");
    assert!(two("type = \"zip_latest\"\nfrom = [\"a\", \"b\"]").len() <= 2);
}
