//! Rows that a source of CSV gives: `NA` stands for what was not measured.

use std::borrow::Cow;
use std::collections::BTreeMap;

use engine_sdk::map;
use serde::{Deserialize, Serialize};

/// A field of a row.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
enum Field<'r> {
    Integer(i64),
    Number(f64),
    Text(#[serde(borrow)] Cow<'r, str>),
}

type Row<'r, T> = BTreeMap<Cow<'r, str>, T>;

/// Puts null where a row says `NA`.
#[map]
fn tidy<'r>(row: Row<'r, Option<Field<'r>>>) -> Row<'r, Option<Field<'r>>> {
    let measured = |field: &Field| !matches!(field, Field::Text(text) if text == "NA");
    row.into_iter().map(|(name, field)| (name, field.filter(measured))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_is_null() {
        let field = |field| Some(Field::Text(Cow::Borrowed(field)));
        let row = [("origin", field("JFK")), ("temp", Some(Field::Number(39.02))), ("gust", field("NA"))];
        let row = row.map(|(name, field)| (Cow::Borrowed(name), field));
        let tidied = tidy(row.clone().into());
        assert_eq!(tidied["gust"], None);
        assert_eq!((&tidied["origin"], &tidied["temp"]), (&row[0].1, &row[1].1));
    }
}
