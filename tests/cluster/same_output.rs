//! A run over a cluster gives the same output as a local run, byte for byte.

use serde_json::Value;

use super::processes::{Cluster, numbers};
use crate::support::{Did, engine, fed, function_of, hostile, plugin};

#[test]
fn the_cluster_flag_gives_the_same_bytes() {
    let Some(cluster) = Cluster::start(2) else { return };
    let inc = function_of(&plugin("inc"), "inc");
    let input = numbers(0..200_000);
    let command = engine(["run", "-p", &inc, "--cluster", cluster.url()]);
    let Did { code, stdout, stderr } = fed(command, &input);
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert!(stdout == numbers(1..200_001));
    // Nothing is left of the run.
    cluster.wait_until(|status| status["runs"].as_object().unwrap().is_empty());
    cluster.wait_until(|status| status["workers"].as_object().unwrap().len() == 2);
}

#[test]
fn a_record_larger_than_a_message_keeps_its_position() {
    let Some(cluster) = Cluster::start(1) else { return };
    let long = "x".repeat(1_500_000);
    let upper = function_of(&hostile("misdeeds"), "upper");
    let command = engine(["run", "-p", &upper, "--cluster", cluster.url()]);
    let Did { code, stdout, stderr } = fed(command, format!("a\n{long}\nb\n"));
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert!(stdout == format!("A\n{}\nB\n", long.to_uppercase()));
}

#[test]
fn faults_filters_and_flat_maps_match_a_local_run() {
    let Some(cluster) = Cluster::start(2) else { return };
    let misdeeds = hostile("misdeeds");
    let line = |x: u64| if x % 97 == 5 { "bad\n".to_owned() } else { format!("{x}\n") };
    let input: String = (0..5000).map(line).collect();
    let functions = ["twice", "even"].map(|name| function_of(&misdeeds, name));
    let dead = |name: &str| format!("divert={}", cluster.path(name).display());
    let run = |more: &[&str], dead: &str| {
        let mut command = engine(["run", "-q", "--on-fault", dead]);
        command.args(functions.iter().flat_map(|function| ["-p", function]));
        command.args(more);
        fed(command, &input)
    };
    let here = run(&[], &dead("here"));
    let there = run(&["--cluster", cluster.url()], &dead("there"));
    assert_eq!((here.code, there.code), (Some(1), Some(1)), "{}", there.stderr);
    assert!(here.stdout == there.stdout);
    let letters = |name| cluster.text(name).lines().map(letter).collect::<Vec<_>>();
    assert_eq!(letters("here"), letters("there"));
    // The first fault ends a run after the records before it.
    let mut command = engine(["run", "-q", "-p", &functions[1], "--cluster", cluster.url()]);
    command.args(["-b", "64"]);
    let Did { code, stdout, stderr } = fed(command, "2\n3\n4\nbad\n6\n");
    assert_eq!((code, &*stdout), (Some(1), "2\n4\n"));
    assert!(stderr.starts_with("engine: record 4: even: "), "{stderr}");
}

/// A dead letter without its timestamp.
pub(super) fn letter(line: &str) -> Value {
    let mut letter: Value = serde_json::from_str(line).unwrap();
    letter.as_object_mut().unwrap().remove("time");
    letter
}
