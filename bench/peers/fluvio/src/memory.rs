//! Takes the same batch of records through the SmartModule, again and again. The records are made once;
//! each call encodes them.

use std::num::NonZeroUsize;

use anyhow::ensure;
use fluvio_protocol::record::Record;
use measure::FIRST;

use crate::chain::Chain;

/// Adds one to `records` numbers, `size` in each call.
pub(crate) fn run(chain: &mut Chain, size: NonZeroUsize, records: u64) -> anyhow::Result<()> {
    let numbers = FIRST..FIRST + i64::try_from(size.get())?;
    let input: Vec<Record> = numbers.clone().map(|number| Record::new(number.to_string())).collect();

    let output = measure::measure(records, size, || chain.process(&input))?;

    let expected = numbers.map(|number| (number + 1).to_string());
    ensure!(
        output.iter().map(|record| record.value().as_ref()).eq(expected.map(String::into_bytes)),
        "the last batch is wrong"
    );
    Ok(())
}
