//! What is said when the system refuses something: how much there may be, and what allows more.

use std::io;

use bytesize::ByteSize;

use super::{Machine, ScarceAddressSpace};

impl Machine {
    /// How many threads and processes there may be, and what allows more, for a message.
    pub(crate) fn thread_limit(&self) -> String {
        // The system says the same when there is no address space for a stack.
        let scarce = ScarceAddressSpace::here();
        scarce.map_or_else(
            || self.number_of_threads(),
            |scarce| format!("{}, and {scarce}", self.number_of_threads()),
        )
    }

    fn number_of_threads(&self) -> String {
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

    /// What is short, and what to do, if an error says that a limit is reached that the message of the system does not
    /// name: files that may be open at once, the size of a file, address space, or room on a disk.
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
        return rustix::io::Errno::from_io_error(error).and_then(|error| self.what_is_short(error));
        #[cfg(not(unix))]
        {
            let _ = error;
            None
        }
    }

    #[cfg(unix)]
    fn what_is_short(&self, error: rustix::io::Errno) -> Option<String> {
        use rustix::io::Errno;
        use rustix::process::{Resource, getrlimit};

        Some(match error {
            Errno::MFILE => {
                let most = self.descriptors.map_or_else(|| "no more".to_owned(), |most| most.to_string());
                format!("this process may have {most} files and sockets open at once (raise ulimit -n)")
            }
            Errno::NFILE => "all processes together have too many files open (raise fs.file-max)".to_owned(),
            Errno::NOSPC => "free space on that file system, or write to another one".to_owned(),
            Errno::DQUOT => "your quota there is used up: remove files, or write elsewhere".to_owned(),
            Errno::ROFS => "write to another file system".to_owned(),
            Errno::FBIG => match getrlimit(Resource::Fsize).current {
                Some(most) => format!("a file may have {} (raise ulimit -f)", ByteSize(most)),
                None => "that file system allows no larger file: write to another one".to_owned(),
            },
            Errno::NOMEM => ScarceAddressSpace::here()?.to_string(),
            _ => return None,
        })
    }
}
