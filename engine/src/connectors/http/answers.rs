//! What the client of a request is told, once it is known.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;

use crate::graph::{Acknowledge, Message};
use crate::{Cause, Error, Fault};

/// What became of the records of a request.
pub(crate) enum Outcome {
    /// They were accepted, or are out.
    Taken,
    /// One of them is a fault.
    Faulty {
        fault: Fault,
        /// Which one, counted from 1, and how many there are.
        position: (u64, usize),
    },
    /// The run has ended, for this reason.
    Ended(String),
}

/// Tells the handler of a request what became of it. Clones tell the same one, which hears the first.
#[derive(Clone)]
pub(crate) struct Ticket {
    told: Arc<Mutex<Option<oneshot::Sender<Outcome>>>>,
    records: usize,
}

impl Ticket {
    /// For a request with this many records.
    pub(crate) fn new(records: usize) -> (Self, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        (Self { told: Arc::new(Mutex::new(Some(sender))), records }, receiver)
    }

    pub(crate) fn tell(&self, outcome: Outcome) {
        if let Some(told) = self.told.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A client that has gone needs no answer.
            let _ = told.send(outcome);
        }
    }
}

/// Tells the request that a fault of it is known; if none is, the other outcome.
pub(super) fn tell(message: Message<Ticket>, otherwise: Outcome) {
    let Message { handle: ticket, record, fault, .. } = message;
    let outcome = match fault {
        Some(fault) => {
            let first = record.unwrap_or(fault.record);
            let position = (fault.record.saturating_sub(first) + 1, ticket.records);
            Outcome::Faulty { fault, position }
        }
        None => otherwise,
    };
    ticket.tell(outcome);
}

/// Answers requests when their records are out.
pub(super) struct Answering;

impl Acknowledge for Answering {
    type Handle = Ticket;

    async fn acknowledge(&self, messages: Vec<Message<Ticket>>) -> Result<(), Error> {
        messages.into_iter().for_each(|message| tell(message, Outcome::Taken));
        Ok(())
    }

    async fn give_back(&self, messages: Vec<Message<Ticket>>) {
        let ended = || Outcome::Ended("the run has ended before the records were out".to_owned());
        messages.into_iter().for_each(|message| tell(message, ended()));
    }
}

impl Outcome {
    /// The answer, which has the status `taken` if all is well.
    pub(super) fn answer(self, taken: StatusCode) -> Response {
        match self {
            Self::Taken => taken.into_response(),
            Self::Faulty { fault, position } => {
                let which = match position {
                    (_, 1) => String::new(),
                    (number, records) => format!(" (record {number} of {records} in this request)"),
                };
                let text = format!("{fault}{which}\n");
                match status_of(&fault.cause) {
                    StatusCode::SERVICE_UNAVAILABLE => unavailable(text),
                    status => (status, text).into_response(),
                }
            }
            Self::Ended(reason) => unavailable(format!("{reason}\n")),
        }
    }
}

/// The answer if the same request may succeed later.
pub(super) fn unavailable(text: String) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], text).into_response()
}

/// Whether the record is to blame, the moment, or the function.
fn status_of(cause: &Cause) -> StatusCode {
    match cause {
        Cause::Failed { retryable: true, .. } => StatusCode::SERVICE_UNAVAILABLE,
        Cause::Failed { .. } | Cause::Unreadable { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
