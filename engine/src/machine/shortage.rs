//! What is said when the system refuses something: how much there may be, and what allows more.

use std::io;

use super::Machine;

impl Machine {
    /// How many threads and processes there may be, and what allows more, for a message.
    pub(crate) fn thread_limit(&self) -> String {
        let of_user =
            |most: u64| format!("this user may have {most} threads and processes (raise ulimit -u)");
        match (self.user_threads, self.group_threads) {
            (Some(user), Some(group)) if user < group => of_user(user),
            (Some(user), None) => of_user(user),
            (_, Some(group)) => {
                format!(
                    "this container or service may have {group} threads and processes (raise its pids.max)"
                )
            }
            (None, None) => {
                "this user or container may have no more (raise ulimit -u, or pids.max)".to_owned()
            }
        }
    }

    /// What is short, if an error says that a limit of this process is reached that the message of the system does
    /// not name: files that may be open at once.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// let error = std::io::Error::from_raw_os_error(24); // EMFILE
    /// let hint = engine::machine::Machine::here().shortage(&error);
    /// assert!(hint.is_some_and(|hint| hint.contains("ulimit -n")));
    /// # }
    /// ```
    #[must_use]
    pub fn shortage(&self, error: &io::Error) -> Option<String> {
        #[cfg(unix)]
        if rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::MFILE) {
            return Some(match self.descriptors {
                Some(most) => {
                    format!("this process may have {most} files and sockets open at once (raise ulimit -n)")
                }
                None => "this process may have no more files and sockets open at once (raise ulimit -n)"
                    .to_owned(),
            });
        }
        let _ = error;
        None
    }
}
