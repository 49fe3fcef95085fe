//! From a file of lines to a file of lines, through a function on several threads, in order.
//!
//! A thread reads chunks of whole lines and deals them to the workers in turn; another writes the
//! results, which it takes from the workers in the same turn. All queues have a bound.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::Context;

/// Bytes that are read at a time.
const CHUNK: usize = 256 << 10;
/// Chunks that may wait before a worker, and results that may wait after it.
const QUEUE: usize = 4;

/// Takes all lines of `input` through `work` on `threads` threads, and writes what that appends to `output`.
pub(crate) fn run<Work>(input: &Path, output: &Path, threads: NonZeroUsize, work: Work) -> anyhow::Result<()>
where
    Work: Fn(&[u8], Vec<u8>) -> anyhow::Result<Vec<u8>> + Copy + Send,
{
    let source = File::open(input).with_context(|| format!("can't open {}", input.display()))?;
    let sink = File::create(output).with_context(|| format!("can't create {}", output.display()))?;
    thread::scope(|scope| {
        let (mut chunks, mut results) = (Vec::new(), Vec::new());
        for _ in 0..threads.get() {
            let (chunk, to_do) = sync_channel(QUEUE);
            let (done, result) = sync_channel(QUEUE);
            chunks.push(chunk);
            results.push(result);
            scope.spawn(move || process(to_do, &done, work));
        }
        let reader = scope.spawn(move || read(source, &chunks));
        write(sink, results).with_context(|| format!("from {} to {}", input.display(), output.display()))?;
        reader.join().expect("a panic aborts").with_context(|| format!("can't read {}", input.display()))
    })
}

/// Deals the source's chunks to the workers. Ends early when one of them takes no more, since writing
/// has failed.
fn read(mut source: File, workers: &[SyncSender<Vec<u8>>]) -> anyhow::Result<()> {
    let mut rest = Vec::new();
    for worker in workers.iter().cycle() {
        let chunk = next_chunk(&mut source, &mut rest)?;
        if chunk.is_empty() || worker.send(chunk).is_err() {
            break;
        }
    }
    Ok(())
}

/// Whole lines, the last of which is given its end if it lacks it; nothing at the end of the source.
/// `rest` is what was read beyond the last chunk.
fn next_chunk(source: &mut File, rest: &mut Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let mut chunk = std::mem::take(rest);
    loop {
        let before = chunk.len();
        chunk.resize(before + CHUNK, 0);
        let read = source.read(&mut chunk[before..])?;
        chunk.truncate(before + read);
        if read == 0 {
            if !chunk.is_empty() {
                chunk.push(b'\n');
            }
            return Ok(chunk);
        }
        if let Some(end) = memchr::memrchr(b'\n', &chunk[before..]) {
            *rest = chunk.split_off(before + end + 1);
            return Ok(chunk);
        }
    }
}

fn process<Work>(chunks: Receiver<Vec<u8>>, done: &SyncSender<anyhow::Result<Vec<u8>>>, work: Work)
where
    Work: Fn(&[u8], Vec<u8>) -> anyhow::Result<Vec<u8>>,
{
    for chunk in chunks {
        if done.send(work(&chunk, Vec::new())).is_err() {
            break;
        }
    }
}

/// Takes results from the workers in turn. The first one that has none, has no more, nor have the others.
fn write(mut sink: File, workers: Vec<Receiver<anyhow::Result<Vec<u8>>>>) -> anyhow::Result<()> {
    for result in workers.iter().cycle().map_while(|worker| worker.recv().ok()) {
        sink.write_all(&result?)?;
    }
    Ok(())
}
