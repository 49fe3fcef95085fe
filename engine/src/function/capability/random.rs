//! Random numbers: `random`.

use super::Grant;

/// Random numbers that cannot be predicted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Random;

impl Grant for Random {
    const NAME: &'static str = "random";
    const SYNTAX: &'static str = "random";

    fn parse(arguments: Option<&str>) -> Option<Self> {
        arguments.is_none().then_some(Self)
    }
}
