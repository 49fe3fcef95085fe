//! A program that may be started.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

/// A program with its arguments, its folder and what is added to its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The program, and its arguments.
    pub words: Vec<OsString>,
    /// The folder that it runs in; this process's if there is none.
    pub folder: Option<PathBuf>,
    /// What is added to this process's environment.
    pub environment: Vec<(String, String)>,
}

impl Program {
    /// A program with its arguments.
    pub fn new(words: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { words: words.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The same in another folder.
    #[must_use]
    pub fn folder(mut self, folder: Option<PathBuf>) -> Self {
        self.folder = folder;
        self
    }

    /// The same with one more variable in its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Files that decide what it does: the program, and those among its arguments.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let here = self.folder.clone().or_else(|| std::env::current_dir().ok()).unwrap_or_default();
        let mut words = self.words.iter().map(Path::new);
        let program = words.next().into_iter().flat_map(|program| match program.components().count() {
            1 if !program.is_absolute() => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                std::env::split_paths(&path).map(|folder| folder.join(program)).collect()
            }
            _ => vec![program.to_owned()],
        });
        let files = program.chain(words.map(Path::to_owned)).map(|file| here.join(file));
        files.filter_map(|file| file.canonicalize().ok()).filter(|file| file.is_file()).collect()
    }

    /// The command that starts it, with all that it starts in a process group of their own.
    pub(crate) fn command(&self) -> Command {
        let mut words = self.words.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_default());
        command.args(words).envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words.iter().map(|word| word.to_string_lossy());
        f.write_str(&words.collect::<Vec<_>>().join(" "))
    }
}
