//! A worker that sends false results: none is accepted, and none of its text is shown unescaped.

use std::fs;
use std::process::{Child, Stdio};

use async_nats::jetstream::Context;

use super::messages::client;
use super::processes::{Cluster, ended, slow, slow_loop};
use crate::support::engine;

/// The protocol's messages, written by hand, which no real worker would send.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    /// A message of the protocol's version 2.
    fn message() -> Self {
        Self(vec![2])
    }

    fn number(mut self, mut number: u64) -> Self {
        while number > 0x7f {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
        self
    }

    fn numbers<const N: usize>(self, numbers: [u64; N]) -> Self {
        numbers.into_iter().fold(self, Self::number)
    }

    fn text(mut self, text: &str) -> Self {
        self = self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }
}

/// A fault of the first function: the record, the kind of the fault, and its text.
type Fault<'a> = (u64, u64, &'a str);

/// The fault `trapped` has a second text, and `failed` says whether another try may succeed.
const FAILED: u64 = 0;
const TRAPPED: u64 = 2;

/// A result: its worker, the outputs of one byte by record, and the faults.
fn result(worker: &str, outputs: &[u64], faults: &[Fault], ending: Option<Fault>) -> Vec<u8> {
    let fault =
        |bytes: Bytes, (record, kind, text): Fault| bytes.numbers([0, record, kind]).text(text).number(0);
    let mut bytes = Bytes::message().text(worker).numbers([0, 1, outputs.len() as u64]);
    let mut before = 0;
    for record in outputs {
        bytes = bytes.number(record.wrapping_sub(before));
        before = *record;
    }
    bytes = outputs.iter().fold(bytes.number(outputs.len() as u64), |bytes, _| bytes.number(1));
    bytes = bytes.text(&"x\n".repeat(outputs.len())).number(faults.len() as u64);
    bytes = faults.iter().fold(bytes, |bytes, known| fault(bytes, *known).number(1));
    bytes = match ending {
        Some(ending) => fault(bytes.number(1), ending),
        None => bytes.number(0),
    };
    bytes.numbers([0, 0]).0
}

/// A run that gets forged messages.
struct ForgedRun {
    runtime: tokio::runtime::Runtime,
    context: Context,
    run: Child,
    epoch: u64,
    nonce: u64,
}

impl ForgedRun {
    /// A run of `records` records over a cluster without workers; its tasks wait.
    fn start(cluster: &Cluster, records: usize) -> Self {
        fs::write(cluster.path("in"), slow(records)).unwrap();
        let mut run = engine(["run", "-p", &slow_loop(), "--on-fault", "skip", "--run-name", "one"]);
        run.args(["--cluster", cluster.url(), "-i"]).arg(cluster.path("in"));
        run.arg("-o").arg(cluster.path("out")).stdout(Stdio::null()).stderr(Stdio::piped());
        let run = run.spawn().unwrap();
        cluster.wait_until(|status| status["runs"]["one"]["tasks"].as_u64() > Some(0));
        let epoch = cluster.status()["runs"]["one"]["epoch"].as_u64().unwrap();
        let (runtime, client) = client(cluster.url());
        let context = runtime.block_on(async { async_nats::jetstream::new(client) });
        Self { runtime, context, run, epoch, nonce: 0 }
    }

    /// Sends a part of a result of the first task.
    fn send_part(&self, (part, parts): (u64, u64), body: &[u8]) {
        let mut message = Bytes::message().numbers([self.epoch, 0, self.nonce, part, parts]);
        message = message.number(body.len() as u64);
        message.0.extend_from_slice(body);
        let message = bytes::Bytes::from(message.0);
        let subject = format!("engine.result.one.{}", self.epoch);
        self.runtime.block_on(async {
            // A full stream has room once the host has read.
            while self.context.publish(subject.clone(), message.clone()).await.unwrap().await.is_err() {}
        });
    }

    /// Sends a forged result of the first task.
    fn send(&mut self, body: &[u8]) {
        self.nonce += 1;
        self.send_part((0, 1), body);
    }
}

#[test]
fn an_impossible_result_is_refused_and_its_task_redispatched() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    let mut forged = ForgedRun::start(&cluster, 2000);
    let evil = "evil\u{1b}[2J\nengine: done";
    let no = (1, FAILED, "no");
    let lies = [
        (result(evil, &[1, 1, 1], &[], None), "a record has more outputs and faults than it may have"),
        (result("b", &[], &[no, no, no], None), "a record has more outputs and faults than it may have"),
        (result("c", &[1], &[no], None), "a record has more outputs and faults than it may have"),
        (result("d", &[], &[(1 << 40, FAILED, "no")], None), "a fault is of no record of the task"),
        (result("e", &[1 << 40, 1], &[], None), "numbers that are too large"),
        (result("f", &[1 << 40], &[], None), "an output comes from no record of the task"),
        (result("g", &[], &[], Some(no)), "a fault ends the run that does not"),
        (
            result("h", &[], &[(1, FAILED, &"no".repeat(1000))], None),
            "a fault's text is longer than it may be",
        ),
    ];
    for (lie, _) in &lies {
        forged.send(lie);
    }
    // It claims many outputs, and none follows.
    let [begin, end] = [Bytes::message().text("i").numbers([0, 1]).0, vec![0xff, 0xff, 0xff, 0xff, 0x0f]];
    forged.send(&[begin, end].concat());
    cluster.join(&[]);
    let (code, told) = ended(forged.run);
    assert_eq!(code, Some(0), "{told}");
    assert!(cluster.text("out") == slow(2000));
    for (_, reason) in lies {
        assert!(told.contains(reason), "{reason} is not told: {told}");
    }
    assert!(told.contains("evil\u{fffd}[2J engine: done") && !told.contains('\u{1b}'), "{told:?}");
    assert!(told.lines().all(|line| !line.starts_with("engine: done")), "{told:?}");
}

#[test]
fn a_workers_fault_message_is_one_printable_line() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    let mut forged = ForgedRun::start(&cluster, 2000);
    forged.send(&result("evil", &[], &[(1, TRAPPED, "oh\u{1b}[2J\nengine: done\u{202e}\u{e0041}")], None));
    cluster.join(&[]);
    let (code, told) = ended(forged.run);
    assert_eq!(code, Some(0), "{told}");
    let line = "slow_loop: trapped: oh\u{fffd}[2J engine: done\u{fffd}\u{fffd}\n";
    assert!(told.contains("the first: record 1: ") && told.ends_with(line), "{told:?}");
}

/// The peak memory of a process, in bytes.
fn most_memory(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[cfg(target_os = "linux")]
#[test]
fn an_endless_result_is_dropped_before_it_fills_the_host() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    let mut forged = ForgedRun::start(&cluster, 2000);
    let before = most_memory(&forged.run);
    let body = vec![0; 512 << 10];
    // 384 MiB of one result, and more parts of others than any first task has.
    forged.nonce = 1;
    (0..768).for_each(|part| forged.send_part((part, 8000), &body));
    for nonce in 2..2000 {
        forged.nonce = nonce;
        forged.send_part((0, 1 << 31), &[]);
    }
    let grown = most_memory(&forged.run).saturating_sub(before);
    assert!(grown < 200 << 20, "it grew by {} MiB", grown >> 20);
    cluster.join(&[]);
    assert_eq!(ended(forged.run).0, Some(0));
    assert!(cluster.text("out") == slow(2000));
}
