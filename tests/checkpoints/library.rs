//! Checkpoints of a program's own run, which no command started.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use engine::checkpoint::{Checkpoint, InputState, OutputState};
use engine::run::{CheckpointSettings, FaultSettings, OnFault, Run};
use engine::{CancellationToken, Error, Pool, Source, sinks, sources};
use tempfile::tempdir;

/// Writes the numbers among the lines of a file to another file, and continues where it was before.
async fn numbers(folder: &Path, on_fault: OnFault) -> Result<(), Error> {
    let path = |name: &str| folder.join(name);
    let saved = Checkpoint::blocking_load(&path("checkpoint"))?;
    let start = saved.clone().unwrap_or_else(|| Checkpoint {
        inputs: vec![InputState { path: path("in"), ..InputState::default() }],
        output: OutputState { path: path("out"), ..OutputState::default() },
        ..Checkpoint::default()
    });
    let mut run = Run::new(&Pool::builder().threads(1).build()?).after(saved);
    let output = run.output(Some(&path("out")));
    let policy = run.policy(&FaultSettings { on_fault, ..FaultSettings::default() });
    let source = Arc::new(Source::new().numbered_after(start.read));
    let parsed = source.stream().try_map(|line: String| line.parse::<i64>(), &policy);
    parsed.sink(sinks::lines(&output));
    let (offset, skip) = (start.offset, start.skip);
    let (interval, path) = (Duration::from_secs(1), path("checkpoint"));
    let marks = run.checkpoint(CheckpointSettings { path, interval, start });
    marks.begin(0, 1);
    let mut file = File::open(folder.join("in")).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    let lines = sources::lines(file).skipping(skip);
    let lines = lines.marking(move |mark| marks.note(0, mark.record, offset + mark.offset));
    run.source("lines", &source, lines);
    run.run(&CancellationToken::new()).await
}

#[tokio::test]
async fn a_programs_run_continues_from_its_checkpoint() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in"), "1\n2\nbad\n4\n").unwrap();
    for _ in 0..2 {
        let failed = numbers(folder.path(), OnFault::Stop).await;
        assert!(matches!(&failed, Err(Error::Fault(fault)) if fault.record == 3), "{failed:?}");
        assert_eq!(fs::read_to_string(path("out")).unwrap(), "1\n2\n");
        assert!(path("checkpoint").exists());
    }
    numbers(folder.path(), OnFault::Divert(path("dead"))).await.unwrap();
    assert_eq!(fs::read_to_string(path("out")).unwrap(), "1\n2\n4\n");
    let dead = fs::read_to_string(path("dead")).unwrap();
    assert!(dead.starts_with(r#"{"version":1,"number":3,"#) && dead.lines().count() == 1, "{dead}");
    assert!(!path("checkpoint").exists(), "what is done needs no checkpoint");
}

#[tokio::test]
async fn a_run_refuses_to_write_what_it_uses_otherwise() {
    let folder = tempdir().unwrap();
    let [used, out] = ["used", "out"].map(|name| folder.path().join(name));
    fs::write(&used, "kept").unwrap();
    fs::write(&out, "kept too").unwrap();
    let mut run = Run::new(&Pool::builder().threads(1).build().unwrap());
    run.reads(&used);
    run.output(Some(&out));
    run.policy(&FaultSettings { on_fault: OnFault::Divert(used.clone()), ..FaultSettings::default() });
    let refused = run.blocking_open(&|| false).unwrap_err();
    assert_eq!(refused.to_string(), format!("can't write {}: it is an input too", used.display()));
    assert_eq!([&used, &out].map(|path| fs::read_to_string(path).unwrap()), ["kept", "kept too"]);
}

fn new_run() -> Run {
    Run::new(&Pool::builder().threads(1).build().unwrap())
}

/// Writes odd numbers to one file and even ones to another, from where it was before. It stops at the number `last`.
async fn saved(folder: &Path, last: u64) -> Result<(), Error> {
    let path = |name: &str| folder.join(name);
    let mut run = new_run();
    run.save_to(path("progress"), Duration::from_millis(1));
    let (stop, source) = (CancellationToken::new(), Arc::new(Source::<u64>::new()));
    let stopped = stop.clone();
    let numbers = source.stream().map(move |x| {
        if x == last {
            stopped.cancel();
        }
        x
    });
    for (name, rest) in [("odd", 1), ("even", 0)] {
        numbers
            .branch()
            .filter(move |x: &u64| x % 2 == rest)
            .sink(sinks::lines(&run.output(Some(&path(name)))));
    }
    run.resumable_source("numbers", &source, sources::count(1..=4000));
    run.run(&stop).await
}

#[tokio::test]
async fn all_outputs_of_a_saved_run_are_begun_anew_and_cut_back_later() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["odd", "even"] {
        fs::write(path(name), "a line of another run\n".repeat(1000)).unwrap();
    }
    for last in [1000, 2000, 0] {
        saved(folder.path(), last).await.unwrap();
        if last > 0 {
            assert!(path("progress").exists());
            // A run that is killed has written more than its checkpoint counts.
            for name in ["odd", "even"] {
                let mut file = File::options().append(true).open(path(name)).unwrap();
                std::io::Write::write_all(&mut file, b"more\n").unwrap();
            }
        }
    }
    for (name, first) in [("odd", 1), ("even", 2)] {
        let expected: String = (first..=4000).step_by(2).map(|x| format!("{x}\n")).collect();
        assert!(fs::read_to_string(path(name)).unwrap() == expected, "{name}");
    }
    assert!(!path("progress").exists(), "what is done needs no checkpoint");
}

#[tokio::test]
async fn a_checkpoint_of_more_than_one_source_or_file_is_refused_at_the_start() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let policy = |run: &mut Run, name: &str| {
        let on_fault = OnFault::Divert(path(name));
        run.policy(&FaultSettings { on_fault, ..FaultSettings::default() });
    };
    let source = |run: &mut Run, name: &str| {
        run.source(name, &Arc::new(Source::<String>::new()), sources::lines(&b"1\n"[..]));
    };
    type Change<'a> = &'a dyn Fn(&mut Run);
    let refused: [(&str, Change); 5] = [
        ("the source second can't be in a checkpoint", &|run| source(run, "second")),
        ("the output ", &|run| drop(run.output(Some(&path("second"))))),
        ("the file of dead letters ", &|run| ["one", "two"].iter().for_each(|name| policy(run, name))),
        ("stdout can't be in a checkpoint", &|run| drop(run.output(None))),
        ("", &|_| {}),
    ];
    for (expected, more) in refused {
        fs::write(path("out"), "before\n").unwrap();
        let made = || {
            let mut run = new_run();
            let interval = Duration::from_millis(1);
            run.output(Some(&path("out")));
            let start = Checkpoint::default();
            run.checkpoint(CheckpointSettings { path: path("saved"), interval, start });
            source(&mut run, "first");
            more(&mut run);
            run
        };
        let opened = made().blocking_open(&|| false);
        let ran = made().run(&CancellationToken::new()).await;
        for ended in [opened, ran].map(|ended| ended.map_err(|error| error.to_string())) {
            match expected {
                "" => assert_eq!(ended, Ok(())),
                _ => {
                    assert!(
                        ended.as_ref().is_err_and(|told| told.starts_with(expected)),
                        "{expected}: {ended:?}"
                    );
                    assert_eq!(fs::read_to_string(path("out")).unwrap(), "before\n");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_output_is_free_as_soon_as_its_run_has_ended_or_is_dropped() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("out");
    let mut run = new_run();
    let (source, output) = (Arc::new(Source::<String>::new()), run.output(Some(&out)));
    source.stream().sink(sinks::lines(&output));
    run.source("lines", &source, sources::lines(&b"1\n"[..]));
    run.run(&CancellationToken::new()).await.unwrap();
    assert_eq!(fs::read_to_string(&out).unwrap(), "1\n");
    let mut second = new_run();
    let held = second.output(Some(&out));
    second.blocking_open(&|| false).unwrap();
    let mut third = new_run();
    third.output(Some(&out));
    let refused = format!("{:?}", third.blocking_open(&|| false).unwrap_err());
    assert!(refused.contains("another run writes it"), "{refused}");
    drop(second);
    let mut third = new_run();
    third.output(Some(&out));
    third.blocking_open(&|| false).unwrap();
    drop((run, held));
}

#[tokio::test]
async fn an_output_that_a_checkpoint_counts_ends_the_run_if_it_is_removed() {
    let folder = tempdir().unwrap();
    let [out, saved] = ["out", "saved"].map(|name| folder.path().join(name));
    let mut run = new_run();
    let (source, (numbers, feed)) = (Arc::new(Source::new()), sources::channel(1));
    source.stream().sink(sinks::lines(&run.output(Some(&out))));
    let interval = Duration::from_secs(3600);
    run.checkpoint(CheckpointSettings { path: saved, interval, start: Checkpoint::default() });
    run.source("numbers", &source, feed);
    let stop = CancellationToken::new();
    let fed = async {
        numbers.send(1).await.unwrap();
        while fs::read_to_string(&out).unwrap_or_default() != "1\n" {
            tokio::task::yield_now().await;
        }
        fs::remove_file(&out).unwrap();
        let _ = numbers.send(2).await;
        drop(numbers);
    };
    let (ended, ()) = tokio::join!(run.run(&stop), fed);
    let told = format!("{:?}", ended.unwrap_err());
    assert!(told.contains("it was removed or replaced during the run"), "{told}");
}

/// Waits until two more checkpoints are saved, of which the second was begun after this. False if the run ends before.
fn wait_for_checkpoint(saved: &Path, stop: &CancellationToken) -> bool {
    for _ in 0..2 {
        let before = fs::read(saved).ok();
        while fs::read(saved).ok() == before {
            if stop.is_cancelled() {
                return false;
            }
            thread::yield_now();
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_removed_between_checkpoints_are_made_again_without_anything_to_write() {
    let folder = tempdir().unwrap();
    let [out, dead, saved] = ["out", "dead", "saved"].map(|name| folder.path().join(name));
    let mut run = new_run();
    run.save_to(&saved, Duration::from_millis(1));
    let on_fault = OnFault::Divert(dead.clone());
    let policy = run.policy(&FaultSettings { on_fault, ..FaultSettings::default() });
    let (stop, source) = (CancellationToken::new(), Arc::new(Source::<u64>::new()));
    let numbers = source.stream().try_map(|x: u64| if x == 1 { Err("one") } else { Ok(x) }, &policy);
    numbers.filter(|x: &u64| *x == 2).sink(sinks::lines(&run.output(Some(&out))));
    run.resumable_source("numbers", &source, sources::count(1..=u64::MAX));
    let watched = thread::spawn({
        let (stop, files) = (stop.clone(), [out, dead]);
        move || {
            let is_written = |path| fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n'));
            while !files.iter().all(is_written) && !stop.is_cancelled() {
                thread::yield_now();
            }
            files.iter().for_each(|path| fs::remove_file(path).unwrap());
            let was_saved = wait_for_checkpoint(&saved, &stop);
            let made = files.map(|path| fs::read_to_string(path).ok());
            stop.cancel();
            (was_saved, made)
        }
    });
    let ended = run.run(&stop).await;
    stop.cancel();
    let seen = watched.join().unwrap();
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(seen, (true, [Some(String::new()), Some(String::new())]));
}
