//! The table of all deadlines, which the guide shows.

use std::io;
use std::time::Duration;

use super::waits::waiting;

/// How long something outside may take for one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// Its name in the guide.
    #[cfg_attr(not(test), expect(dead_code, reason = "the guide has it"))]
    name: &'static str,
    pub(crate) time: Duration,
    /// What the other side should do, as "accept a connection".
    awaited: &'static str,
    /// What it is for, and the option of pipeline files that changes it, as the guide says.
    #[cfg_attr(not(test), expect(dead_code, reason = "the guide has it"))]
    meaning: &'static str,
}

const fn deadline(name: &'static str, millis: u64, awaited: &'static str, meaning: &'static str) -> Deadline {
    Deadline { name, time: Duration::from_millis(millis), awaited, meaning }
}

macro_rules! deadlines {
    ($($constant:ident = $name:literal, $millis:literal, $awaited:literal, $meaning:literal;)*) => {
        $(#[cfg_attr(not(all(feature = "cluster", feature = "otlp")), allow(dead_code, reason = "some belong to features"))]
        pub(crate) const $constant: Deadline = deadline($name, $millis, $awaited, $meaning);)*
        /// All deadlines, in the guide's order.
        #[cfg(test)]
        const ALL: &[Deadline] = &[$($constant),*];
    };
}

deadlines! {
    CONNECT = "connect", 30_000, "accept a connection",
        "connecting by `tcp` or `websocket`; `timeout` changes it";
    HANDSHAKE = "handshake", 30_000, "finish the handshake",
        "TLS and the upgrade of a `websocket`, together; `timeout` changes it";
    WRITE = "write", 30_000, "read anything of what is written to it",
        "the other side of a `tcp` or `websocket` connection reads nothing of what is written; `timeout` \
         changes it";
    CLOSE = "close", 5_000, "close the connection",
        "telling the other side of a `tcp` or `websocket` connection that it is over";
    ANSWER = "answer", 30_000, "answer the request",
        "a request of the sink `http`, including the connection; `timeout` changes it";
    READY_AGAIN = "retry-after", 60_000, "be ready again",
        "waiting as long as a server's Retry-After says";
    REQUEST = "request", 30_000, "send its request, or read the answer",
        "a client of the source `http` sends the head, sends the body, or reads the answer (with one more \
         second for each 16 KiB of it); `timeout` changes it";
    OUT = "out", 30_000, "be out",
        "the records of a request of the source `http` are out, with `respond = \"done\"`; `done_within` changes it";
    STOPPED = "stopped", 5_000, "end its requests",
        "finishing the requests of the source `http` when it is stopped";
    PAGE = "page", 10_000, "send its request, or read the answer",
        "a client of the dashboard, as for `request`";
    PAGE_END = "page-end", 500, "receive the end",
        "telling the dashboard's pages that the run has ended";
    SILENT = "silent", 60_000, "send a whole line while others wait for its place",
        "a client of the source `tcp` sends no whole line while all `connections` are taken and others wait; \
         `idle` closes it even if none waits";
    PROCESS = "process", 3_600_000, "read its input, or end after it",
        "the command of a sink `process` reads nothing of what is written, or does not exit after it; \
         `timeout` changes it";
    BROKER = "broker", 10_000, "accept a connection and its login",
        "connecting to a NATS server, with TLS and login";
    BROKER_ANSWER = "broker-answer", 5_000, "answer",
        "a NATS server answers a request; then the request is repeated";
    BROKER_AWAY = "broker-away", 60_000, "come back",
        "a NATS server that was connected is unreachable; `timeout` changes it";
    BROKER_END = "broker-end", 3_000, "receive the end",
        "telling a NATS server what was not finished, and that a run or a worker has left";
    FETCH = "fetch", 60_000, "send a plugin",
        "a worker fetches a plugin from the NATS server";
    APART = "apart", 60_000, "finish its task",
        "a task that a worker runs in a separate process, in addition to the time limits of its records";
    COLLECTOR = "collector", 10_000, "answer",
        "an OpenTelemetry collector answers; `OTEL_EXPORTER_OTLP_TIMEOUT` changes it";
    COLLECTOR_END = "collector-end", 4_500, "take the last figures",
        "the same at the end of a run";
    DRAIN = "drain", 30_000, "end",
        "everything together, after the first Ctrl-C, SIGTERM, SIGHUP or SIGXCPU; `drain_timeout` in `[limits]` changes it";
}

/// Something outside has not done its step in time.
#[derive(Clone, Debug, thiserror::Error)]
#[error("it did not {awaited} within {}", humantime::format_duration(*time))]
pub(crate) struct Overdue {
    awaited: &'static str,
    time: Duration,
}

impl From<Overdue> for io::Error {
    fn from(overdue: Overdue) -> Self {
        Self::new(io::ErrorKind::TimedOut, overdue)
    }
}

impl Deadline {
    /// The same deadline with another time.
    pub(crate) fn of(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Waits for a future, within the deadline. `peer` is shown to people as what is waited for.
    ///
    /// # Errors
    ///
    /// If it takes too long.
    pub(crate) async fn within<T>(self, peer: &str, coming: impl Future<Output = T>) -> Result<T, Overdue> {
        let coming = tokio::time::timeout(self.time, coming);
        waiting(|| self.told(peer), coming).await.map_err(|_| self.overdue())
    }

    /// The wait in words, as "127.0.0.1:9000 to accept a connection".
    pub(crate) fn told(self, peer: &str) -> String {
        format!("{peer} to {}", self.awaited)
    }

    pub(super) fn overdue(self) -> Overdue {
        Overdue { awaited: self.awaited, time: self.time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_has_the_deadlines_table() {
        let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guide/src/deadlines.md");
        let guide = std::fs::read_to_string(guide).expect("the guide is in the repository");
        let rows: Vec<_> = guide.lines().filter(|line| line.starts_with("| `")).collect();
        let row = |deadline: &Deadline| {
            let Deadline { name, time, meaning, .. } = deadline;
            format!("| `{name}` | {} | {meaning} ", humantime::format_duration(*time))
        };
        let wanted: Vec<_> = ALL.iter().map(row).collect();
        // The last column has the command's flags, which the command checks.
        let rows: Vec<_> =
            rows.iter().filter_map(|row| Some(row.trim_end_matches('|').rsplit_once('|')?.0)).collect();
        assert_eq!(rows, wanted, "write these rows into docs/guide/src/deadlines.md:\n{}", wanted.join("\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn timeout_errors_name_the_peer_and_the_missing_step() {
        let never = std::future::pending::<()>();
        let overdue = CONNECT.of(Duration::from_millis(1500)).within("there:1", never).await.unwrap_err();
        assert_eq!(overdue.to_string(), "it did not accept a connection within 1s 500ms");
        assert_eq!(CONNECT.within("there:1", async { 1 }).await.unwrap(), 1);
    }
}
