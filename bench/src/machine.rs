//! The machine and the versions of programs that the figures were measured with.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

/// What a reader must know to compare the figures.
pub(crate) struct Machine {
    /// What it is, and its name or version.
    pub(crate) facts: Vec<(&'static str, String)>,
}

impl Machine {
    pub(crate) fn look(rounds: usize, quick: bool) -> Self {
        let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let size = if quick { "quick: a tenth of the records" } else { "in full" };
        Self {
            facts: vec![
                ("date", date.split('T').next().unwrap_or(&date).to_owned()),
                (
                    "engine",
                    format!(
                        "{} {}",
                        env!("CARGO_PKG_VERSION"),
                        printed("git", &["describe", "--always", "--dirty"])
                    ),
                ),
                ("processor", processor()),
                ("cores", std::thread::available_parallelism().map_or(0, usize::from).to_string()),
                ("memory", line_of("/proc/meminfo", "MemTotal").map_or_else(unknown, |kib| gibibytes(&kib))),
                ("system", printed("uname", &["-sr"])),
                ("rustc", printed("rustc", &["--version"])),
                ("python3", printed("/usr/bin/python3", &["--version"])),
                ("runs", format!("{rounds} of each program, alternately; {size}")),
            ],
        }
    }
}

fn processor() -> String {
    let model = line_of("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    model.trim_start_matches(':').trim().to_owned()
}

/// What follows the name in the first such line of a file.
fn line_of(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

fn gibibytes(kib: &str) -> String {
    let kib = kib.trim_end_matches("kB").trim().parse::<f64>();
    kib.map_or_else(|_| unknown(), |kib| format!("{:.0} GiB", kib / f64::from(1 << 20)))
}

fn printed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| unknown(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn unknown() -> String {
    "unknown".into()
}
