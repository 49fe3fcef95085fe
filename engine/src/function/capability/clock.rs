//! The time of day: `clock`.

use super::Grant;

/// The time of day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clock;

impl Grant for Clock {
    const NAME: &'static str = "clock";
    const SYNTAX: &'static str = "clock";

    fn parse(arguments: Option<&str>) -> Option<Self> {
        arguments.is_none().then_some(Self)
    }
}
