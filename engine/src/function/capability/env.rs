//! A variable of the environment: `env:NAME`.

use super::Grant;

/// One variable of this process's environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Env {
    /// Its name.
    pub name: String,
}

impl Grant for Env {
    const NAME: &'static str = "env";
    const SYNTAX: &'static str = "env:NAME";

    fn parse(arguments: Option<&str>) -> Option<Self> {
        let name = arguments.filter(|name| !name.is_empty())?;
        Some(Self { name: name.to_owned() })
    }

    fn arguments(&self) -> String {
        format!(":{}", self.name)
    }
}
