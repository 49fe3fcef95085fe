//! What a worker tells people.

use std::fmt;
use std::sync::Arc;

use crate::{Error, text};

/// The most characters of a notice.
const LINE: usize = 2000;

/// A line for people about what a worker does. Its `Display` form is the line.
#[derive(Clone, Debug)]
pub struct WorkerNotice {
    line: String,
    cause: Option<Error>,
}

impl WorkerNotice {
    /// The error because of which the worker does not serve a run, if it is one.
    #[must_use]
    pub fn cause(&self) -> Option<&Error> {
        self.cause.as_ref()
    }
}

impl fmt::Display for WorkerNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// Takes notices.
#[derive(Clone)]
pub(in crate::cluster) struct OnNotice(Arc<dyn Fn(&WorkerNotice) + Send + Sync>);

impl OnNotice {
    pub(in crate::cluster) fn new(on_notice: impl Fn(&WorkerNotice) + Send + Sync + 'static) -> Self {
        Self(Arc::new(on_notice))
    }

    pub(in crate::cluster) fn tell(&self, line: &str) {
        self.tell_why(line, None);
    }

    /// Tells what an error caused.
    pub(in crate::cluster) fn tell_why(&self, line: &str, cause: Option<Error>) {
        (self.0)(&WorkerNotice { line: text::plain(line, LINE).into_owned(), cause });
    }
}
