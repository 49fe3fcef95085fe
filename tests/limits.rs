//! Limits on guests, and what guests can't reach.

use std::time::{Duration, Instant};

use engine::function::Isolation;
use engine::{Cause, Error, Pool, Source, sources};

use crate::support::{hostile, list, misbehaving, only, ran};

fn short_timeout_pool() -> Pool {
    Pool::builder().threads(2).timeout(Duration::from_millis(1500)).build().unwrap()
}

#[tokio::test]
async fn row_2_a_record_that_never_ends_times_out_alone() {
    for name in ["loops", "sleeps_forever", "naps_forever"] {
        let pool = short_timeout_pool();
        let function = misbehaving::<String, String>(&pool, name);
        let source = Source::<String>::new();
        let (outputs, list) = list();
        source.stream().scatter(&pool).map(&function).buffer(10_000).gather().sink(move |x: String| {
            list.lock().unwrap().push(x);
        });
        let text: String = (1..=5000).map(|x| if x == 3000 { "bad\n" } else { "good\n" }).collect();
        let begun = Instant::now();
        let emitted = sources::lines(std::io::Cursor::new(text)).emit_into(&source).await;
        let ended = source.close().await.and(emitted);
        // Its timeout, the budget of the batch before, and what a busy machine adds.
        assert!(begun.elapsed() < Duration::from_millis(2500), "{name}: {:?}", begun.elapsed());
        let Err(Error::Fault(fault)) = ended else { panic!("{name}: {ended:?}") };
        assert_eq!((fault.record, outputs.lock().unwrap().len()), (3000, 2999), "{name}: {fault}");
        assert_eq!(fault.cause, Cause::TimedOut { limit: Duration::from_millis(1500) });
    }
}

#[tokio::test]
async fn row_2_no_record_is_charged_for_a_neighbours_time() {
    // One thread, and twenty records that wait 200 ms each and then compute: they queue for it.
    let pool = Pool::builder().threads(1).timeout(Duration::from_millis(500)).build().unwrap();
    let busy = misbehaving::<u64, u64>(&pool, "slow_loop");
    let begun = Instant::now();
    let (outputs, ended) =
        ran([100_000; 20], |times| times.scatter(&pool).map(&busy).buffer(20).gather()).await;
    ended.unwrap();
    assert_eq!(outputs.len(), 20);
    assert!(begun.elapsed() > Duration::from_millis(2000), "they ran one after another");
}

#[tokio::test]
async fn row_2_a_plugins_timeout_does_not_affect_others() {
    let pool = short_timeout_pool();
    let (loops, sleeps) =
        (misbehaving::<String, String>(&pool, "loops"), misbehaving::<u64, u64>(&pool, "sleeps"));
    let sleeping = ran([200; 10], |times| times.scatter(&pool).map(&sleeps).buffer(2).gather());
    let looping = ran(["bad".to_owned()], |lines| lines.scatter(&pool).map(&loops).gather());
    let ((outputs, slept), (_, looped)) = tokio::join!(sleeping, looping);
    slept.unwrap();
    assert_eq!(outputs.len(), 10);
    assert!(matches!(looped, Err(Error::Fault(_))));
}

#[tokio::test]
async fn each_record_of_a_sink_has_the_full_timeout() {
    let pool = short_timeout_pool();
    let sink = pool.blocking_load(hostile("misdeeds")).unwrap().function::<String, ()>("slow_sink").unwrap();
    let source = Source::<String>::new();
    source.stream().sink(&sink.with("milliseconds", 30).unwrap());
    // Some 60 records in a call: together they take longer than the limit.
    let text: String = "a\n".repeat(100);
    sources::lines(std::io::Cursor::new(text)).emit_into(&source).await.unwrap();
    source.close().await.unwrap();
    assert_eq!(source.progress().counts().delivered, 100);
}

#[tokio::test]
async fn a_sink_that_never_ends_times_out_at_its_record() {
    let pool = short_timeout_pool();
    let sink = pool.blocking_load(hostile("misdeeds")).unwrap().function::<String, ()>("loops_sink").unwrap();
    let source = Source::<String>::new();
    source.stream().sink(&sink);
    let text: String = (1..=500).map(|x| if x == 300 { "bad\n" } else { "good\n" }).collect();
    let emitted = sources::lines(std::io::Cursor::new(text)).emit_into(&source).await;
    let Err(Error::Fault(fault)) = source.close().await.and(emitted) else { panic!("no fault") };
    assert_eq!((fault.record, fault.cause), (300, Cause::TimedOut { limit: Duration::from_millis(1500) }));
}

#[tokio::test]
async fn row_4_an_instance_that_leaks_retires_before_it_fails() {
    let pool = Pool::builder().threads(2).build().unwrap();
    let leaks = misbehaving::<String, String>(&pool, "leaks");
    let (outputs, ended) =
        ran(vec!["a".to_owned(); 10_000], |lines| lines.scatter(&pool).map(&leaks).buffer(100).gather())
            .await;
    ended.unwrap();
    // 64 KiB each: 640 MiB in all, in instances of 64 MiB.
    assert_eq!(outputs.len(), 10_000);
    assert!(leaks.usage().memory <= 64 << 20);
}

#[tokio::test]
async fn a_new_instance_sees_nothing_of_an_old_one() {
    let pool = Pool::builder().threads(2).build().unwrap();
    let sees = misbehaving::<String, u64>(&pool, "sees_zeros");
    let (outputs, ended) =
        ran(vec!["a".to_owned(); 500], |lines| lines.scatter(&pool).map(&sees).buffer(10).gather()).await;
    ended.unwrap();
    assert_eq!(outputs, [0; 500]);
}

#[tokio::test]
async fn row_12_at_the_total_memory_limit_no_record_fails() {
    let pool = Pool::builder().threads(2).total_memory(8 << 20).build().unwrap();
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let (outputs, ended) = ran([20; 60], |times| times.scatter(&pool).map(&sleeps).buffer(60).gather()).await;
    ended.unwrap();
    assert_eq!(outputs.len(), 60);
    assert!(pool.usage().instances <= 8, "{:?}", pool.usage());
}

#[tokio::test]
async fn memory_held_by_others_is_no_fault_of_a_record() {
    let pool = Pool::builder().threads(2).total_memory(24 << 20).build().unwrap();
    let leaks = misbehaving::<String, String>(&pool, "leaks").with("bytes", 2 << 20).unwrap();
    let (outputs, ended) =
        ran(vec!["a".to_owned(); 200], |lines| lines.scatter(&pool).map(&leaks).buffer(20).gather()).await;
    ended.unwrap();
    assert_eq!(outputs.len(), 200);
}

#[tokio::test]
async fn instances_grow_again_after_a_memory_shortage() {
    let pool = Pool::builder().threads(2).total_memory(80 << 20).build().unwrap();
    let leaks = misbehaving::<String, String>(&pool, "leaks").with("bytes", 40 << 20).unwrap();
    let (_, ended) =
        ran(vec!["a".to_owned(); 20], |lines| lines.scatter(&pool).map(&leaks).buffer(20).gather()).await;
    ended.unwrap();
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let begun = Instant::now();
    let (_, ended) = ran([400; 30], |times| times.scatter(&pool).map(&sleeps).buffer(30).gather()).await;
    ended.unwrap();
    // One after another they take 12 s.
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn bytes_in_functions_count_against_the_buffer() {
    let pool = Pool::builder().threads(2).build().unwrap();
    let sleeps = misbehaving::<String, String>(&pool, "sleeps_first");
    let source = Source::new();
    source.stream().scatter(&pool).map(&sleeps).buffer(10_000).gather().sink(|_: String| {});
    let large = "5000 ".to_owned() + &"x".repeat(1 << 20);
    let mut accepted = 0;
    while tokio::time::timeout(Duration::from_millis(500), source.emit(large.clone())).await.is_ok() {
        accepted += 1;
    }
    assert!((5..40).contains(&accepted), "{accepted} MiB were accepted");
}

#[tokio::test]
async fn two_instances_draw_the_same_numbers() {
    let pool = Pool::builder().threads(2).build().unwrap();
    let random = misbehaving::<String, String>(&pool, "random");
    let draw = || async { ran(["a".to_owned()], |lines| lines.map(&random)).await.0 };
    let first = draw().await;
    let again = misbehaving::<String, String>(&Pool::new().unwrap(), "random");
    assert_eq!(first, ran(["a".to_owned()], |lines| lines.map(&again)).await.0);
}

/// The output, or the fault, of a function that tries to reach outside.
async fn reaches(name: &str, record: &str) -> Result<String, String> {
    let pool = Pool::builder().threads(1).build().unwrap();
    let function = misbehaving::<String, String>(&pool, name);
    let (outputs, ended) = ran([record.to_owned()], |lines| lines.map(&function)).await;
    ended.map(|()| outputs.concat()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn row_7_a_guest_reaches_nothing_outside_its_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "secret").unwrap();
    let file = file.display().to_string();
    let undeclared = |used: &str, need: &str| {
        format!("{used}, which it does not declare: add needs(\"{need}\") to the function")
    };
    for (name, record) in [("reads_file", &*file), ("writes_file", &*file), ("lists_folder", "/")] {
        let error = reaches(name, record).await.unwrap_err();
        assert_eq!(error, format!("record 1: {name}: {}", undeclared("used files", "dir")));
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "secret");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for name in ["connects", "sends"] {
        let error = reaches(name, &address).await.unwrap_err();
        assert_eq!(error, format!("record 1: {name}: {}", undeclared("used the network", "net")));
    }
    assert!(listener.accept().is_err(), "there was a connection");

    for nothing in ["reads_env", "reads_args", "reads_stdin"] {
        assert_eq!(reaches(nothing, "").await.unwrap(), "", "{nothing}");
    }
    let error = reaches("clock", "").await.unwrap_err();
    assert_eq!(error, format!("record 1: clock: {}", undeclared("read the time of day", "clock")));
}

/// The plugin `misdeeds` as one in a language whose runtime makes calls of its own, which says nothing of them.
fn in_another_language(folder: &std::path::Path) -> std::path::PathBuf {
    let mut wasm = std::fs::read(hostile("misdeeds")).unwrap();
    let marker = b"engine:undeclared";
    let at = wasm.windows(marker.len()).position(|bytes| bytes == marker).expect("the SDK marks plugins");
    wasm[at] = b'x';
    let path = folder.join("other.wasm");
    std::fs::write(&path, wasm).unwrap();
    path
}

#[test]
fn a_plugin_whose_language_reads_the_clock_finds_1970_and_the_summary_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = in_another_language(folder.path());
    let run = |name: &str, record: &str| {
        let function = crate::support::function_of(&plugin, name);
        crate::support::fed(crate::support::engine(["run", "--json", "-p", &function]), format!("{record}\n"))
    };
    let summary = |did: &crate::support::Did| -> serde_json::Value {
        serde_json::from_str(did.stderr.lines().next().unwrap()).unwrap()
    };
    let did = run("clock", "x");
    assert_eq!((did.code, &*did.stdout), (Some(0), "0\n"), "{}", did.stderr);
    assert_eq!(summary(&did)["functions"][0]["frozen_clock"], true);
    let did = run("same", "x");
    assert_eq!(summary(&did)["functions"][0]["frozen_clock"], false);
    let pipeline = folder.path().join("pipeline.toml");
    std::fs::write(
        &pipeline,
        "[sources.stdin]\n[stages.same]\ntype = 'map'\nplugin = 'other.wasm'\nfunction = 'same'\n[sinks.stdout]\n",
    )
    .unwrap();
    let did = crate::support::fed(crate::support::engine(["check", &pipeline.display().to_string()]), "");
    let told =
        format!("{} can use the time of day, which no function declares: it finds 1970\n", plugin.display());
    assert_eq!((did.code, did.stderr), (Some(0), format!("engine: warning: {told}")), "{}", did.stdout);
    for (name, record) in [("reads_file", "/etc/passwd"), ("connects", "127.0.0.1:1")] {
        let did = run(name, record);
        assert!(did.code == Some(1) && did.stderr.contains("(os error "), "{name}: {}", did.stderr);
    }
}

#[test]
fn row_6_what_guests_print_is_bounded() {
    for name in ["floods_stdout", "floods_stderr", "floods_one_line"] {
        let function = crate::support::function_of(&hostile("misdeeds"), name);
        let did = crate::support::fed(crate::support::engine(["run", "-p", &function]), "good\nbad\n");
        assert_eq!((did.code, &*did.stdout), (Some(0), "good\nbad\n"), "{name}");
        assert!((1..3 << 20).contains(&did.stderr.len()), "{name}: {} bytes", did.stderr.len());
    }
}

#[tokio::test]
async fn row_6_an_exploding_record_does_not_fill_the_hosts_memory() {
    let pool = Pool::builder().threads(2).build().unwrap();
    let explodes = misbehaving::<String, String>(&pool, "explodes");
    // 30 MB in one record's outputs: more than may wait, less than the guest's memory.
    let explodes = explodes.with("count", 30).unwrap();
    let (lengths, list) = list();
    let source = Source::<String>::new();
    source.stream().scatter(&pool).flat_map(&explodes).buffer(10).gather().sink(move |x: String| {
        list.lock().unwrap().push(x.len());
    });
    for record in ["a", "bad", "bad", "bad", "b"] {
        source.emit(record.to_owned()).await.unwrap();
    }
    source.close().await.unwrap();
    assert_eq!(lengths.lock().unwrap().len(), 92);
    let gigabytes = explodes.with("count", 3000).unwrap();
    let (_, ended) =
        ran(["bad".to_owned()], |lines| lines.scatter(&pool).flat_map(&gigabytes).gather()).await;
    let Err(Error::Fault(fault)) = ended else { panic!("{ended:?}") };
    assert!(matches!(fault.cause, Cause::OutOfMemory { .. }), "{fault}");
}

#[tokio::test]
async fn usage_is_reported_against_the_limits() {
    let pool = Pool::builder().threads(1).build().unwrap();
    let inc = only::<i64, i64>(&pool, "inc");
    let (_, ended) = ran(0..10, |numbers| numbers.map(&inc)).await;
    ended.unwrap();
    let usage = inc.usage();
    assert_eq!((usage.calls, usage.records, usage.memory_limit), (10, 10, 64 << 20));
    assert!(usage.longest > Duration::ZERO && usage.memory > 0);
    // The last one is 10, plus a byte after it.
    assert_eq!((usage.output, usage.output_limit, usage.messages), (3, 32 << 20, 0));
    let pool = Pool::builder().threads(1).output(5 << 20).messages(100).build().unwrap();
    let explodes = misbehaving::<String, String>(&pool, "explodes").with("count", 6).unwrap();
    let (_, ended) = ran(["bad".to_owned()], |lines| lines.flat_map(&explodes)).await;
    ended.unwrap_err();
    assert_eq!((explodes.usage().output, explodes.usage().output_limit), (5 << 20, 5 << 20));
    let prints = misbehaving::<String, String>(&pool, "prints_escapes");
    let (_, ended) = ran(vec!["bad".to_owned(); 50], |lines| lines.map(&prints)).await;
    ended.unwrap();
    let usage = prints.usage();
    assert!(usage.messages > usage.messages_limit && usage.messages_limit == 100, "{usage:?}");
    let pool = pool.usage();
    assert!(pool.instances >= 1 && pool.memory > 0 && pool.memory <= pool.memory_limit, "{pool:?}");
}

#[tokio::test]
async fn an_instance_lives_as_long_as_its_isolation_says() {
    let seen = async |isolation| {
        let pool = Pool::builder().threads(1).isolation(isolation).build().unwrap();
        let counts = misbehaving::<String, u64>(&pool, "counts");
        let (outputs, list) = list();
        let source = Source::<String>::new();
        source.stream().scatter(&pool).map(&counts).buffer(10_000).gather().sink(move |x: u64| {
            list.lock().unwrap().push(x);
        });
        let text = "x\n".repeat(5000);
        sources::lines(std::io::Cursor::new(text)).emit_into(&source).await.unwrap();
        source.close().await.unwrap();
        std::mem::take(&mut *outputs.lock().unwrap())
    };
    assert_eq!(seen(Isolation::Thread).await, (1..=5000).collect::<Vec<_>>());
    assert_eq!(seen(Isolation::Record).await, [1; 5000]);
    let batches = seen(Isolation::Batch).await;
    assert!(batches.iter().max().is_some_and(|most| (2..5000).contains(most)), "some records share a call");
    assert!(batches.windows(2).all(|pair| pair[1] == 1 || pair[1] == pair[0] + 1), "each call starts again");
}

#[tokio::test]
async fn row_6_outputs_of_a_record_are_bounded() {
    let pool = Pool::builder().threads(1).output(5 << 20).build().unwrap();
    let explodes = misbehaving::<String, String>(&pool, "explodes");
    let (outputs, ended) = ran(["a", "bad", "b"].map(str::to_owned), |stream| {
        stream.scatter(&pool).flat_map(&explodes.with("count", 3).unwrap()).buffer(3).gather()
    })
    .await;
    ended.unwrap();
    assert_eq!(outputs.len(), 5);
    let (_, ended) = ran(["a", "bad", "b"].map(str::to_owned), |stream| {
        stream.scatter(&pool).flat_map(&explodes.with("count", 6).unwrap()).buffer(3).gather()
    })
    .await;
    let Err(Error::Fault(fault)) = ended else { panic!("{ended:?}") };
    assert_eq!((fault.record, fault.cause), (2, Cause::TooMuchOutput { limit: 5 << 20 }));
}

#[test]
fn row_8_compilation_is_bounded_in_its_own_process() {
    let cache = tempfile::tempdir().unwrap();
    let plugin = hostile("misdeeds").display().to_string();
    let same = crate::support::function_of(&hostile("misdeeds"), "same");
    let run = |flags: &[&str]| {
        let mut command = crate::support::engine([&["run", "-q", "-p", &same], flags].concat());
        command.env("XDG_CACHE_HOME", cache.path()).env("HOME", cache.path());
        crate::support::fed(command, "x\n")
    };
    for (flags, problem) in [
        (["--compile-timeout", "1ms"], "can't be compiled: it takes longer than 1ms"),
        (["--compile-memory", "20MiB"], "can't be compiled: it needs more than 20.0 MiB of memory"),
        (["--plugin-size", "1KiB"], "is not a plugin: its size of "),
    ] {
        let did = run(&flags);
        let expected = format!("engine: {plugin} {problem}");
        assert!(did.code == Some(2) && did.stderr.starts_with(&expected), "{} is not {expected}", did.stderr);
        let hint = format!(" (raise it with {})\n", flags[0]);
        assert!(did.stderr.ends_with(&hint), "{} does not end with {hint}", did.stderr);
    }
    let did = run(&[]);
    assert_eq!((did.code, &*did.stdout), (Some(0), "x\n"), "{}", did.stderr);
    // Compiled code is cached, and loading it needs no compiler.
    assert_eq!(run(&["--compile-timeout", "1ms"]).code, Some(0));
}
