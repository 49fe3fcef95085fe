//! Adds one to a column of numbers, or of numbers that are text.

use std::fmt::Write;
use std::num::ParseIntError;

use arrow_udf::function;

/// Adds one.
#[function("inc(bigint) -> bigint")]
fn inc(number: i64) -> i64 {
    number + 1
}

/// Adds one to a text's number.
#[function("inc_text(varchar) -> varchar")]
fn inc_text(text: &str, output: &mut impl Write) -> Result<(), ParseIntError> {
    let number: i64 = text.parse()?;
    output.write_str(itoa::Buffer::new().format(number + 1)).expect("memory takes all");
    Ok(())
}
