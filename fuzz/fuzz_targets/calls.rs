//! Whatever calls a guest makes, each of its records ends within its limits, as an output or as a fault.
//!
//! The guest is `plugins/hostile/calls`, in the file that `ENGINE_CALLS` names; a line is a record and a program.
#![no_main]

use std::io::Cursor;
use std::net::TcpListener;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use engine::function::Isolation;
use engine::plugin::Output;
use engine::{Capability, FaultPolicy, Plugin, Pool, Source, sources};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_millis(50);
const MEMORY: usize = 16 << 20;

/// The number of records of an input that are used.
const MOST: usize = 8;

/// A plugin with a folder, and a port with a listener.
struct World {
    pool: Pool,
    plugin: Plugin,
    folder: TempDir,
    port: u16,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let path = std::env::var_os("ENGINE_CALLS").expect("`cargo xtask fuzz calls` builds it, and says where");
    let builder = Pool::builder().threads(2).timeout(LIMIT).memory(MEMORY).isolation(Isolation::Batch);
    let pool = builder.build().unwrap();
    let (folder, port) = (tempfile::tempdir().unwrap(), listen());
    let grants = [format!("dir:{}", folder.path().display()), format!("net:127.0.0.1:{port}")];
    let grants = grants.iter().map(|grant| grant.parse::<Capability>().unwrap());
    let plugin = grants.fold(pool.blocking_load(path).unwrap(), Plugin::grant);
    World { pool, plugin, folder, port }
});

/// Accepts connections, and closes them.
fn listen() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    port
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, programs)) = bytes.split_first() else { return };
    let mut lines: Vec<_> = programs.split(|byte| *byte == b'\n').take(MOST).collect();
    lines.push(b"");
    let World { pool, plugin, folder, port } = &*WORLD;
    let begun = Instant::now();
    let source = Source::<Vec<u8>>::new();
    let memory: Box<dyn Fn() -> usize> = match first % 3 {
        0 => {
            let sink = plugin.function::<Vec<u8>, ()>("sinks").unwrap().on_fault(&FaultPolicy::skip());
            source.stream().sink(&sink.stdout(&Output::new(std::io::sink())));
            Box::new(move || sink.usage().memory)
        }
        kind => {
            let name = if kind == 1 { "calls" } else { "granted" };
            let function = plugin.function::<Vec<u8>, String>(name).unwrap().with("port", port).unwrap();
            let function = function.on_fault(&FaultPolicy::skip());
            source.stream().scatter(pool).map(&function).buffer(MOST).gather().sink(|_: String| {});
            Box::new(move || function.usage().memory)
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let given = runtime.block_on(async {
        let given = sources::lines(Cursor::new(lines.join(&b'\n'))).emit_into(&source).await;
        given.and(source.close().await)
    });
    given.unwrap();
    let counts = source.progress().counts();
    assert_eq!(counts.delivered + counts.faults, counts.emitted);
    assert!(memory() <= MEMORY, "{} bytes", memory());
    // Each record alone, what is opened for it, and what a busy machine adds.
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    if first % 3 == 2 {
        std::fs::remove_dir_all(folder.path()).and_then(|()| std::fs::create_dir(folder.path())).unwrap();
    }
});
