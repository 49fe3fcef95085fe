//! How far sources have read their files: kept in a file, so that a later run goes on there.

mod fingerprint;
mod position;
mod saving;
mod tracker;

pub(crate) use fingerprint::{Fingerprint, LONGEST as FINGERPRINT};
pub(crate) use position::{FileId, FilePosition, Positions, id_of, modified};
pub(crate) use tracker::Tracker;
