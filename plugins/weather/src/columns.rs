//! The columns of a row, read one after another; an error names the column.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::str::Split;

/// What is left of a row.
pub(crate) struct Columns<'r>(Split<'r, char>);

impl<'r> Columns<'r> {
    pub(crate) fn new(row: &'r str) -> Self {
        Self(row.trim_end().split(','))
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Cow<'r, str>, String> {
        match self.next(name)? {
            "" => Err(format!("column `{name}` is empty")),
            text => Ok(Cow::Borrowed(text)),
        }
    }

    pub(crate) fn integer(&mut self, name: &str, range: RangeInclusive<u16>) -> Result<u16, String> {
        let text = self.next(name)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("column `{name}`: `{text}` is no whole number in {range:?}"))
    }

    /// A number, or `None` where the table says NA.
    pub(crate) fn measured(&mut self, name: &str) -> Result<Option<f64>, String> {
        let text = self.next(name)?;
        if text == "NA" {
            return Ok(None);
        }
        match text.parse() {
            Ok(number) if f64::is_finite(number) => Ok(Some(number)),
            _ => Err(format!("column `{name}`: `{text}` is neither a number nor NA")),
        }
    }

    /// Checks that nothing is left.
    pub(crate) fn end(mut self) -> Result<(), String> {
        self.0.next().map_or(Ok(()), |text| Err(format!("`{text}` comes after the last column")))
    }

    fn next(&mut self, name: &str) -> Result<&'r str, String> {
        self.0.next().ok_or_else(|| format!("column `{name}` is missing"))
    }
}
