//! Machines: this one, and others with their own network, as Linux network namespaces at a switch.

use std::ffi::OsStr;
use std::process::{Command, Stdio, id};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::support::{Did, fed};

/// Drops one packet in ten: `ld rand`, and 2 (drop) up to a tenth of all numbers of 32 bits, else 0 (pass).
const LOSSY: &str = "4,32 0 0 4294963256,37 0 1 429496729,6 0 0 0,6 0 0 2";

/// Where a process runs.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) address: String,
    /// None for this one.
    namespace: Option<String>,
}

impl Machine {
    /// The one that the tests run on.
    pub(crate) fn this() -> Self {
        Self { address: "127.0.0.1".into(), namespace: None }
    }

    /// The same command on this machine. Its stdin, stdout and stderr must be set again.
    pub(crate) fn command(&self, command: &Command) -> Command {
        let before = self.namespace.iter().flat_map(|namespace| ["ip", "netns", "exec", namespace]);
        let mut words = before.map(OsStr::new).chain([command.get_program()]).chain(command.get_args());
        let mut here = Command::new(words.next().expect("a command has a program"));
        here.args(words).stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => here.env(name, value),
                None => here.env_remove(name),
            };
        }
        here
    }

    /// How many TCP segments were sent from here more than once.
    pub(crate) fn retransmitted(&self) -> u64 {
        let mut show = Command::new("cat");
        let Did { stdout, .. } = fed(self.command(show.arg("/proc/net/snmp")), "");
        let mut lines = stdout.lines().filter_map(|line| line.strip_prefix("Tcp: "));
        let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
        let mut fields = names.split(' ').zip(values.split(' '));
        fields.find_map(|(name, value)| (name == "RetransSegs").then(|| value.parse().unwrap())).unwrap()
    }
}

/// Machines at a switch, which are removed with it.
pub(crate) struct Network {
    /// The namespace of the switch; those of machines begin with it.
    name: String,
    machines: Vec<&'static str>,
}

impl Network {
    /// None, with a note, unless the test runs as root. CI must have `ip`.
    pub(crate) fn new<const N: usize>(machines: [&'static str; N]) -> Option<(Self, [Machine; N])> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("engine-{}-{}", id(), NUMBER.fetch_add(1, Relaxed));
        if let Err(reason) = said("ip", &["netns", "add", &name]) {
            let is_there = Command::new("ip").arg("-V").output().is_ok() || !cfg!(target_os = "linux");
            assert!(is_there || std::env::var_os("CI").is_none(), "there is no ip");
            println!("skipped: there is no network of a test's own: {reason}");
            return None;
        }
        let mut network = Self { name, machines: Vec::new() };
        network.ip(&["link", "add", "name", "switch", "type", "bridge"]);
        network.ip(&["link", "set", "switch", "up"]);
        let machines = machines.map(|machine| network.add(machine));
        Some((network, machines))
    }

    fn add(&mut self, machine: &'static str) -> Machine {
        let namespace = format!("{}-{machine}", self.name);
        run("ip", &["netns", "add", &namespace]);
        self.machines.push(machine);
        let address = format!("10.77.0.{}", self.machines.len());
        self.ip(&[
            "link", "add", "name", machine, "type", "veth", "peer", "name", "cable", "netns", &namespace,
        ]);
        self.ip(&["link", "set", machine, "master", "switch", "up"]);
        run("ip", &["-n", &namespace, "address", "add", &format!("{address}/24"), "dev", "cable"]);
        run("ip", &["-n", &namespace, "link", "set", "cable", "up"]);
        run("ip", &["-n", &namespace, "link", "set", "lo", "up"]);
        Machine { address, namespace: Some(namespace) }
    }

    /// Does something at the switch.
    fn ip(&self, args: &[&str]) {
        run("ip", &[&["-n", &self.name], args].concat());
    }

    /// Unplugs a machine's cable. Its peers get no error.
    pub(crate) fn pull(&self, machine: &str) {
        self.ip(&["link", "set", machine, "down"]);
    }

    /// Puts it in again.
    pub(crate) fn plug(&self, machine: &str) {
        self.ip(&["link", "set", machine, "up"]);
    }

    /// From now on, one packet in ten is lost, in both directions.
    pub(crate) fn lose_packets(&self) {
        for machine in &self.machines {
            run("tc", &["-n", &self.name, "qdisc", "add", "dev", machine, "clsact"]);
            let filter =
                ["filter", "add", "dev", machine, "ingress", "bpf", "direct-action", "bytecode", LOSSY];
            run("tc", &[&["-n", &self.name], &filter[..]].concat());
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for machine in &self.machines {
            // Another one may still be removed.
            let _ = said("ip", &["netns", "delete", &format!("{}-{machine}", self.name)]);
        }
        let _ = said("ip", &["netns", "delete", &self.name]);
    }
}

fn run(program: &str, args: &[&str]) {
    said(program, args).unwrap_or_else(|reason| panic!("{program} {args:?}: {reason}"));
}

/// Fails with the reason.
fn said(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).output().map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(said.trim().to_owned()) }
}
