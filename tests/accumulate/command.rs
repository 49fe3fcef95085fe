//! Accumulators on the command line.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::support::{engine, fed, function_of, hostile, plugin, root};

#[test]
fn a_chain_accumulates_between_scattered_segments() {
    let (weather, running) = (plugin("weather"), plugin("running"));
    let table = root().join("examples/data/weather.csv").display().to_string();
    let (parse, temperature) = (function_of(&weather, "parse"), function_of(&running, "temperature"));
    let chain = ["run", "-q", "-i", &table, "-p", &parse, "-p", &temperature];
    let print = plugin("print").display().to_string();
    let did = fed(engine([&chain[..], &["--key", "2.origin", "-p", &print]].concat()), "");
    assert_eq!((did.code, &*did.stderr), (Some(0), ""));
    for more in [&["--sequential"][..], &["--isolation", "batch"], &["-t", "3", "-b", "10"], &["--unordered"]]
    {
        let again = fed(engine([&chain[..], &["--key", "origin"], more].concat()), "");
        assert!(again.stdout == did.stdout, "{more:?}: {}", again.stderr);
    }
    // Computed in the usual way.
    let mut lists = BTreeMap::<&str, Vec<f64>>::new();
    let rows = fs::read_to_string(&table).unwrap();
    for row in rows.lines().skip(1) {
        let columns: Vec<_> = row.split(',').collect();
        lists.entry(columns[0]).or_default().extend(columns[5].parse::<f64>().map(|f| (f - 32.0) / 1.8));
    }
    assert_eq!(lists.values().map(Vec::len).sum::<usize>(), did.stdout.lines().count());
    let last = |origin: &str| -> serde_json::Value {
        let line = did.stdout.lines().rfind(|line| line.contains(origin)).unwrap();
        serde_json::from_str(line).unwrap()
    };
    for (origin, list) in lists {
        let mean = list.iter().sum::<f64>() / list.len() as f64;
        let squares: f64 = list.iter().map(|celsius| (celsius - mean).powi(2)).sum();
        let deviation = (squares / (list.len() - 1) as f64).sqrt();
        let last = last(origin);
        assert_eq!(last["hours"], list.len());
        for (name, value) in [("mean", mean), ("deviation", deviation)] {
            assert!((last[name].as_f64().unwrap() - value).abs() < 1e-9, "{origin} {name}");
        }
    }
}

#[test]
fn only_accumulators_take_a_key() {
    let total = function_of(&hostile("misdeeds"), "total");
    let inc = plugin("inc").display().to_string();
    let wrong = |args: &[&str], line: &str| {
        let did = fed(engine([&["run"], args].concat()), "1\n");
        assert_eq!((did.code, did.stderr), (Some(2), format!("engine: {line}\n")));
    };
    wrong(&["-p", &inc, "--key", "user"], "--key user: no function here accumulates");
    wrong(&["-p", &inc, "-p", &total, "--key", "1.user"], "--key 1.user: inc does not accumulate");
    wrong(&["-p", &total, "--key", "3.user"], "--key 3.user: there is no plugin 3");
    wrong(&["-p", &total, "--key", "a", "--key", "1.b"], "--key 1.b: total has a key");
    let both = "--key a: 1 total and 2 total accumulate: write 1.a for one";
    wrong(&["-p", &total, "-p", &total, "--key", "a"], both);
}

#[test]
fn the_command_reports_a_record_without_its_key_as_a_fault() {
    let keeps = function_of(&hostile("misdeeds"), "keeps");
    let input = "{\"u\":1}\n[1]\n{\"u\":1}\n";
    let did = fed(engine(["run", "-p", &keeps, "--key", "u", "--on-fault", "skip"]), input);
    assert_eq!((did.code, &*did.stdout), (Some(0), "7\n14\n"));
    assert!(
        did.stderr.contains("record 2: keeps: \"[1]\" has no field \"u\", which is the key"),
        "{}",
        did.stderr
    );
}

#[test]
fn a_line_is_answered_while_the_input_is_still_open() {
    let numbered = function_of(&hostile("misdeeds"), "numbered");
    let mut command = engine(["run", "-q", "-p", &numbered]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for n in 1..=3 {
        writeln!(input, "a").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{n}:a\n"));
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn inspect_shows_the_state() {
    let did = fed(engine(["inspect", &plugin("running").display().to_string()]), "");
    assert!(did.stdout.contains("  accumulate warmest: json → text, state json\n"), "{}", did.stdout);
    let did = fed(engine(["inspect", "--json", &hostile("misdeeds").display().to_string()]), "");
    let json: serde_json::Value = serde_json::from_str(&did.stdout).unwrap();
    let functions = json["functions"].as_array().unwrap();
    let state =
        |name: &str| functions.iter().find(|function| function["name"] == name).unwrap()["state"].clone();
    assert_eq!(state("numbered")["schema"]["format"], "uint64");
    assert_eq!(state("same"), serde_json::Value::Null);
}
