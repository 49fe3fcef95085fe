//! What is wrong with a plugin or its function, told where the file names it.

use super::diagnostic::Problem;
use crate::error::{FunctionError, LoadError};
use crate::{Error, Kind};

impl Problem {
    /// What is wrong with the choice of a function, and which option says it.
    pub(crate) fn of(error: &Error) -> Self {
        let key: Vec<&str> = match error {
            Error::Load(LoadError::UnknownFunction { .. }) => vec!["function"],
            Error::Function(FunctionError::UnknownArgument { name, .. }) => vec!["args", name],
            Error::Function(FunctionError::MissingArgument { .. })
            | Error::Function(FunctionError::Refused { .. }) => vec!["args"],
            Error::Function(FunctionError::NotGranted { .. }) => vec!["allow"],
            Error::Load(LoadError::WrongHash { .. }) => vec!["plugin", "blake3"],
            _ => vec!["plugin"],
        };
        let help = match error {
            Error::Load(LoadError::Ambiguous { functions, .. }) => {
                functions.first().map(|name| format!("say which, as in function = {name:?}"))
            }
            Error::Function(FunctionError::WrongKind { kind: Kind::Sink, .. }) => {
                Some("make it a sink: [sinks.NAME] with type = \"plugin\"".to_owned())
            }
            Error::Function(FunctionError::WrongKind { used: Kind::Sink, .. }) => {
                Some("make it a stage: [stages.NAME]".to_owned())
            }
            Error::Function(FunctionError::WrongKind { kind, .. }) => {
                Some(format!("write type = {:?}", kind.to_string().replace('-', "_")))
            }
            Error::Function(FunctionError::MissingArgument { name, .. }) => {
                Some(format!("give it, as in args = {{ {name} = … }}"))
            }
            Error::Function(FunctionError::NotGranted { capabilities, .. }) => {
                Some(format!("grant it, if you want to, as in allow = {capabilities:?}"))
            }
            _ => None,
        };
        let problem = Self::new(format!("{error:?}")).about(&key);
        match help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}
