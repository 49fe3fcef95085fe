//! How a program ended, in words.

use std::fmt;
use std::process::ExitStatus;

/// Shows what was seen of a program's end, to stand after its name: `exited with code 3`, `was killed by signal 9
/// (SIGKILL), which the system also sends when memory runs out`.
pub(crate) struct HowItEnded(pub(crate) ExitStatus);

impl fmt::Display for HowItEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.0.code() {
            return write!(f, "exited with code {code}");
        }
        #[cfg(unix)]
        {
            use rustix::process::Signal;

            // The system's own text is `signal: 9 (SIGKILL)`.
            let text = self.0.to_string();
            let signal = text.strip_prefix("signal: ").unwrap_or(&text);
            write!(f, "was killed by signal {signal}")?;
            if killed_by(self.0) == Some(Signal::KILL.as_raw()) {
                f.write_str(", which the system also sends when memory runs out")?;
            }
            Ok(())
        }
        #[cfg(not(unix))]
        self.0.fmt(f)
    }
}

/// The number of the signal that ended a program.
#[cfg(unix)]
pub(crate) fn killed_by(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

/// Whether another process ended the program by a signal: those that a program raises itself, as by an abort, do not
/// count.
pub(crate) fn was_ended_from_outside(status: ExitStatus) -> bool {
    #[cfg(unix)]
    {
        use rustix::process::Signal;

        let own =
            [Signal::ABORT, Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE, Signal::TRAP, Signal::SYS];
        killed_by(status).is_some_and(|signal| own.iter().all(|own| own.as_raw() != signal))
    }
    #[cfg(not(unix))]
    {
        let _ = status;
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn what_was_seen_of_an_end_is_told() {
        let told = |status| HowItEnded(ExitStatus::from_raw(status)).to_string();
        assert_eq!(told(3 << 8), "exited with code 3");
        assert_eq!(told(15), "was killed by signal 15 (SIGTERM)");
        assert_eq!(
            told(9),
            "was killed by signal 9 (SIGKILL), which the system also sends when memory runs out"
        );
        let from_outside = |status| was_ended_from_outside(ExitStatus::from_raw(status));
        assert_eq!([0, 1 << 8, 2, 6, 9, 11].map(from_outside), [false, false, true, false, true, false]);
    }
}
