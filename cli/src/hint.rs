//! What a user of the command can do about an error: the library's texts name no flags.

use engine::error::{BrokerError, FunctionError, GraphError, LoadError, NotAPlugin};
use engine::{Capability, Error};

use super::exit::RunFailed;

/// The flag or command that helps with an error, in a few words; none if none does.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    let failed = error.downcast_ref::<RunFailed>().map(|failed| &failed.error);
    about(failed.or_else(|| error.chain().find_map(|cause| cause.downcast_ref::<Error>()))?)
}

/// The flag that helps with an error of the library.
pub(crate) fn about(error: &Error) -> Option<String> {
    match error {
        Error::Function(FunctionError::NotGranted { capabilities, .. }) => {
            let flags: Vec<_> = capabilities.iter().map(|need| flag(need)).collect();
            Some(format!("to grant it: {}", flags.join(" ")))
        }
        Error::Function(FunctionError::NoRoom { .. }) => {
            Some("raise it with --total-memory, or total_memory in [limits]".to_owned())
        }
        Error::Load(LoadError::NotAPlugin { problem: NotAPlugin::NotWasm, .. }) => {
            Some("build a plugin crate with `engine build`".to_owned())
        }
        Error::Load(LoadError::NotAPlugin { problem, .. }) => {
            limit(problem).map(|flag| format!("raise it with {flag}"))
        }
        Error::Graph(GraphError::Changed { .. }) => {
            Some("--accept-changes goes on with it; remove the checkpoint to start over".to_owned())
        }
        Error::Graph(GraphError::OtherGraph { .. } | GraphError::NotRestored { .. }) => {
            Some("remove the checkpoint to start over".to_owned())
        }
        Error::Broker(BrokerError::NoReplicas { .. }) => Some("--replicas 1".to_owned()),
        _ => None,
    }
}

/// The flag that raises the limit that a plugin's file is over.
fn limit(problem: &NotAPlugin) -> Option<&'static str> {
    match problem {
        NotAPlugin::TooLarge { .. } => Some("--plugin-size"),
        NotAPlugin::SlowToCompile { .. } => Some("--compile-timeout"),
        NotAPlugin::LargeToCompile { .. } => Some("--compile-memory"),
        _ => None,
    }
}

/// The flag that grants what a function needs.
fn flag(need: &str) -> String {
    match need {
        "dir" => "--allow dir:PATH".to_owned(),
        "net" => "--allow net:HOST:PORT".to_owned(),
        need if need.parse::<Capability>().is_ok() && !need.contains(char::is_control) => {
            format!("--allow {need}")
        }
        _ => "this engine has no such capability".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use crate::Engine;

    #[test]
    fn the_guide_has_the_flag_of_each_deadline() {
        let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guide/src/deadlines.md");
        let guide = std::fs::read_to_string(guide).expect("the guide is in the repository");
        let rows = guide.lines().filter(|line| line.starts_with("| `"));
        // A row's name and the text of its last column begin with a word in backticks.
        let word = |text: &str| text.split('`').nth(1).map(str::to_owned);
        let flags = rows.filter_map(|row| {
            let (_, flag) = row.trim_end_matches('|').rsplit_once('|')?;
            Some((word(row)?, word(flag)?))
        });
        let flags: Vec<_> = flags.collect();
        let wanted = [("broker-away", "--broker-timeout"), ("drain", "--drain-timeout")];
        assert_eq!(flags, wanted.map(|(name, flag)| (name.to_owned(), flag.to_owned())));
        let command = Engine::command();
        for (_, flag) in wanted {
            let has = |command: &clap::Command| {
                command.get_arguments().any(|known| known.get_long() == flag.strip_prefix("--"))
            };
            assert!(command.get_subcommands().any(has), "no command has {flag}");
        }
    }
}
