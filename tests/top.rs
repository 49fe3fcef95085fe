//! `engine top` against real runs, on real terminals. Its rendering has unit tests.

use std::fs;
use std::net::TcpListener;

use serde_json::Value;

use crate::dashboard::inc;
use crate::support::{Did, engine, fed};

fn top(args: &[&str]) -> Did {
    fed(engine([&["top"], args].concat()), "")
}

#[test]
fn a_run_is_printed_once() {
    let mut run = inc();
    run.feed("1\n2\n3\n");
    run.wait_for(|status| status["run"]["delivered"] == 3);
    for args in [&[&*run.address, "--once"][..], &[&run.url]] {
        let Did { code, stdout, stderr } = top(args);
        assert_eq!((code, &*stderr), (Some(0), ""));
        assert!(stdout.starts_with(" running "), "{stdout}");
        assert!(stdout.contains(" 0 faults   3 in, 3 out\n"), "{stdout}");
        let nodes = [" source ", " scatter ", " inc ", " gather ", " lines "];
        assert!(nodes.iter().all(|name| stdout.contains(name)), "{stdout}");
        assert!(!stdout.contains(|c: char| c.is_control() && c != '\n'), "{stdout:?}");
    }
    let Did { code, stdout, .. } = top(&[&run.address, "--json"]);
    let snapshot: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &snapshot["status"]["run"]["delivered"]), (Some(0), &3.into()));
    assert_eq!(snapshot["diagnosis"]["severity"], "ok");
    assert_eq!(run.end(), (Some(0), String::new()));
}

#[test]
fn an_unreachable_dashboard_is_reported_with_one_line() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for args in [&[&*address][..], &[&address, "--json"]] {
        let Did { code, stdout, stderr } = top(args);
        assert_eq!((code, &*stdout, stderr.lines().count()), (Some(1), "", 1), "{stderr}");
        let told = format!("engine: can't see a run at {address}: nothing listens there; ");
        assert!(stderr.starts_with(&told), "{stderr}");
        assert!(stderr.ends_with("engine run --dashboard\n"), "{stderr}");
    }
    let Did { code, stderr, .. } = top(&["ftp://127.0.0.1"]);
    assert_eq!((code, stderr.lines().count()), (Some(2), 1), "{stderr}");
}

#[test]
fn without_a_terminal_there_is_no_screen() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    fs::write(&output, "old").unwrap();
    let args = ["run", "-p", "nowhere.wasm", "--tui", "-o", &output.display().to_string()].map(str::to_owned);
    let Did { code, stderr, .. } = fed(engine(args), "1\n");
    assert_eq!((code, &*stderr), (Some(2), "engine: --tui: it is drawn on stderr, which is no terminal\n"));
    assert_eq!(fs::read_to_string(output).unwrap(), "old");
    let Did { code, stderr, .. } = fed(engine(["run", "-p", "nowhere.wasm", "--hold"]), "");
    assert_eq!(code, Some(2), "{stderr}");
}

#[cfg(unix)]
mod on_a_terminal {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use tempfile::TempDir;

    use crate::dashboard::inc;
    use crate::support::pipelines::Files;
    use crate::support::terminal::Terminal;
    use crate::support::{function_of, hostile, plugin};

    const ENTERS: &[u8] = b"\x1b[?1049h";
    const LEAVES: &[u8] = b"\x1b[?1049l";

    fn has(bytes: &[u8], part: &[u8]) -> bool {
        bytes.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn with_the_token_keys_pause_and_stop_a_run() {
        let mut run = inc();
        run.feed("1\n");
        run.wait_for(|status| status["run"]["delivered"] == 1);
        let mut top = Terminal::run(["top", &run.url]);
        top.wait_for(" running ");
        top.wait_for("1 in, 1 out");
        assert!(top.is_raw());
        top.press("p");
        top.wait_for(" paused ");
        run.wait_for(|status| status["run"]["state"] == "paused");
        top.press("p");
        run.wait_for(|status| status["run"]["state"] == "running");
        // A stop that is not confirmed.
        top.press("S");
        top.wait_for("Stop the run?");
        top.press("n");
        top.wait_for("q leave");
        top.press("d");
        // It ends though its input stays open, and the last frame stays.
        top.wait_for(" drained ");
        assert_eq!(run.end(), (Some(143), "engine: drained from a view\n".to_owned()));
        top.wait_for(" inc ");
        top.press("q");
        let (code, shown) = top.end();
        assert_eq!((code, &*shown), (Some(0), ""));
    }

    #[test]
    fn without_the_token_a_run_is_read_only() {
        let run = inc();
        let mut top = Terminal::run(["top", &run.address]);
        top.wait_for(" running ");
        top.press("p");
        top.wait_for("that needs the token");
        assert_eq!(run.wait_for(|_| true)["run"]["state"], "running");
        top.press("\x03");
        assert_eq!(top.end().0, Some(0));
        assert_eq!(run.end().0, Some(0));
    }

    fn run(folder: &TempDir, function: &str, more: &[&str]) -> (Terminal, std::process::ChildStdin) {
        let output = path(folder, "out");
        let args = ["run", "-p", function, "-o", &output, "--tui"];
        Terminal::run_fed(args.iter().chain(more))
    }

    fn path(folder: &TempDir, name: &str) -> String {
        folder.path().join(name).display().to_string()
    }

    fn inc_of() -> String {
        function_of(&plugin("inc"), "inc")
    }

    #[test]
    fn the_tui_does_not_change_the_output() {
        let folder = tempfile::tempdir().unwrap();
        let numbers = |from: u64| (from..from + 50_000).map(|x| format!("{x}\n")).collect::<String>();
        fs::write(path(&folder, "in"), numbers(0)).unwrap();
        let (input, output) = (path(&folder, "in"), path(&folder, "out"));
        let mut run = Terminal::run(["run", "-p", &inc_of(), "-i", &input, "-o", &output, "--tui", "--hold"]);
        run.wait_for(" done ");
        run.wait_for("100 %");
        assert!(run.is_raw() && has(&run.written, ENTERS) && !has(&run.written, LEAVES));
        run.press("q");
        let (code, shown) = run.end();
        assert_eq!(code, Some(0));
        assert!(shown.starts_with("50,000 in · 50,000 out · 0 faults"), "{shown}");
        assert_eq!(fs::read_to_string(output).unwrap(), numbers(1));
    }

    #[test]
    fn the_screen_closes_when_the_run_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (mut run, mut stdin) = run(&folder, &inc_of(), &[]);
        stdin.write_all(b"1\n2\n").unwrap();
        run.wait_for("2 in, 2 out");
        drop(stdin);
        let (code, shown) = run.end();
        assert_eq!(code, Some(0));
        assert!(shown.starts_with("2 in · 2 out · 0 faults"), "{shown}");
        assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "2\n3\n");
    }

    #[test]
    fn the_screen_closes_when_the_run_fails() {
        let folder = tempfile::tempdir().unwrap();
        let (mut run, mut stdin) = run(&folder, &inc_of(), &[]);
        stdin.write_all(b"1\n").unwrap();
        run.wait_for("1 in, 1 out");
        stdin.write_all(b"one\n").unwrap();
        let (code, shown) = run.end();
        assert_eq!(code, Some(1));
        assert!(shown.contains("engine: record 2: inc: "), "{shown}");
    }

    #[test]
    fn closing_the_screen_lets_the_run_continue() {
        let folder = tempfile::tempdir().unwrap();
        let (mut run, mut stdin) = run(&folder, &inc_of(), &[]);
        stdin.write_all(b"1\n").unwrap();
        run.wait_for("1 in, 1 out");
        run.press("q");
        run.wait_for_bytes(LEAVES);
        assert!(!run.is_raw());
        stdin.write_all(b"2\n").unwrap();
        drop(stdin);
        let (code, shown) = run.end();
        assert_eq!(code, Some(0));
        assert!(shown.starts_with("2 in · 2 out"), "{shown}");
    }

    #[test]
    fn an_interrupt_finishes_accepted_records_and_restores_the_terminal() {
        let folder = tempfile::tempdir().unwrap();
        let (mut run, mut stdin) = run(&folder, &inc_of(), &[]);
        stdin.write_all(b"1\n").unwrap();
        run.wait_for("1 in, 1 out");
        assert!(run.is_raw());
        run.press("\x03");
        let (code, shown) = run.end();
        assert_eq!(code, Some(130));
        assert!(shown.ends_with("engine: interrupted"), "{shown}");
        assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "2\n");
        drop(stdin);
    }

    #[test]
    fn a_second_interrupt_aborts_and_restores_the_terminal() {
        let folder = tempfile::tempdir().unwrap();
        let function = function_of(&hostile("misdeeds"), "sleeps_forever");
        let (mut run, mut stdin) = run(&folder, &function, &["--timeout", "1h"]);
        stdin.write_all(b"bad\n").unwrap();
        run.wait_for("1 in, 0 out");
        run.press("\x03");
        // It shows on the screen first.
        run.press("7");
        run.wait_for("finishing 1 record; a second Ctrl-C aborts");
        run.press("\x03");
        let (code, shown) = run.end();
        assert_eq!(code, Some(130));
        assert!(shown.contains("engine: aborted: records in progress are not finished"), "{shown}");
        drop(stdin);
    }

    #[test]
    fn a_held_screen_stays_after_a_stop() {
        let folder = tempfile::tempdir().unwrap();
        let (mut run, stdin) = run(&folder, &inc_of(), &["--hold"]);
        run.wait_for(" running ");
        run.press("S");
        run.wait_for("Stop the run?");
        run.press("y");
        run.wait_for(" stopped ");
        assert!(run.is_raw() && !has(&run.written, LEAVES));
        run.press("q");
        let (code, shown) = run.end();
        assert_eq!(code, Some(143));
        assert!(shown.ends_with("engine: stopped: records in progress are not finished"), "{shown}");
        drop(stdin);
    }

    #[test]
    fn function_output_goes_to_the_log_without_disturbing_the_screen() {
        let folder = tempfile::tempdir().unwrap();
        let function = function_of(&hostile("misdeeds"), "prints_escapes");
        let (mut run, mut stdin) = run(&folder, &function, &[]);
        stdin.write_all(b"one\n").unwrap();
        run.wait_for("1 in, 1 out");
        run.press("7");
        // The tests' terminal drops replacement characters, so the text after them moves.
        run.wait_for("]0;ownedout");
        assert!(run.shown().starts_with(" running "), "{}", run.shown());
        drop(stdin);
        let (code, shown) = run.end();
        assert_eq!(code, Some(0));
        assert!(!shown.contains("out one"), "{shown}");
    }

    #[test]
    fn command_output_appears_after_the_screen_closes() {
        let pipeline = "[sources.ends]\ntype = \"process\"\ncommand = [\"sh\", \"-c\", \"echo oops >&2; echo 1; \
                        read x < gate; echo 2\"]\n[sinks.all]\ntype = \"file\"\npath = \"out\"\n";
        let files = Files::new(pipeline);
        let gate = files.path("gate");
        assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
        let pipeline = files.path("pipeline.toml");
        let mut run = Terminal::run(["run".as_ref(), pipeline.as_os_str(), "--tui".as_ref()]);
        run.wait_for("1 in, 1 out");
        run.press("7");
        run.wait_for("stderr oops");
        fs::write(gate, "\n").unwrap();
        let (code, shown) = run.end();
        assert_eq!((code, shown.lines().next()), (Some(0), Some("oops")), "{shown}");
        assert_eq!(files.read("out"), "1\n2\n");
    }

    #[test]
    fn the_tui_refuses_records_on_the_terminal() {
        let folder = tempfile::tempdir().unwrap();
        let input = path(&folder, "in");
        fs::write(&input, "1\n").unwrap();
        for (more, why) in [
            (&["-i", &*input][..], "records would go to the terminal: give it --output FILE"),
            (&["-o", "out"], "records would come from the terminal: give it --input FILE"),
        ] {
            let args = [&["run", "-p", "nowhere.wasm", "--tui"], more].concat();
            let (code, shown) = Terminal::run(args).end();
            assert_eq!(code, Some(2), "{shown}");
            assert!(shown.starts_with("engine: --tui: ") && shown.replace('\n', "").contains(why), "{shown}");
        }
        assert!(!Path::new("out").exists());
        let files = Files::new("[sources.files]\npath = \"in\"\n[sinks.stdout]\n");
        files.write("in", "1\n");
        let pipeline = files.path("pipeline.toml");
        let run = Terminal::run(["run".as_ref(), pipeline.as_os_str(), "--tui".as_ref()]);
        let (code, shown) = run.end();
        assert_eq!(code, Some(2), "{shown}");
        assert!(shown.contains("its records would go to the terminal"), "{shown}");
    }
}
