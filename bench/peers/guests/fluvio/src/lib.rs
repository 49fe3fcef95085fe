//! Adds one to a number that is text.

use fluvio_smartmodule::{RecordData, Result, SmartModuleRecord, smartmodule};

/// Adds one.
#[smartmodule(map)]
pub fn inc(record: &SmartModuleRecord) -> Result<(Option<RecordData>, RecordData)> {
    let number: i64 = str::from_utf8(record.value.as_ref())?.parse()?;
    Ok((None, (number + 1).to_string().into()))
}
