//! A program that may be started.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

/// A program with its arguments, its folder and additions to its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The program, and its arguments.
    pub words: Vec<OsString>,
    /// The folder that it runs in; this process's by default.
    pub folder: Option<PathBuf>,
    /// Variables that are added to this process's environment.
    pub environment: Vec<(String, String)>,
}

impl Program {
    /// A program with its arguments. The first word is the program.
    pub fn new(words: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { words: words.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Runs it in this folder; in this process's if none.
    #[must_use]
    pub fn folder(mut self, folder: Option<PathBuf>) -> Self {
        self.folder = folder;
        self
    }

    /// Adds a variable to its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The program's name or path, as it was given.
    pub(crate) fn name(&self) -> String {
        self.words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The paths where the program is searched, in order, up to the first at which it is found.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        let Some(program) = self.words.first().map(Path::new) else { return Vec::new() };
        if !self.is_name() {
            return vec![self.here().join(program)];
        }
        let named = self.environment.iter().rev().find(|(name, _)| name == "PATH");
        let path =
            named.map(|(_, path)| path.into()).or_else(|| std::env::var_os("PATH")).unwrap_or_default();
        let mut places = Vec::new();
        for folder in std::env::split_paths(&path) {
            places.push(self.here().join(folder).join(program));
            if places.last().is_some_and(|place| can_run(place)) {
                break;
            }
        }
        places
    }

    /// Whether a program of this name is in a folder of `PATH`. True for a path, which is not checked before the start.
    pub(crate) fn is_found(&self) -> bool {
        !self.is_name() || self.places().last().is_some_and(|place| can_run(place))
    }

    /// Whether the program is a name, not a path, and so searched in the folders of `PATH`.
    pub(crate) fn is_name(&self) -> bool {
        self.words.first().is_some_and(|word| Path::new(word).file_name() == Some(word))
    }

    /// The paths that its arguments may be, whether such files exist or not.
    pub(crate) fn named(&self) -> Vec<PathBuf> {
        let values = |word: &OsString| word.to_str()?.split_once('=').map(|(_, value)| value.into());
        let words = self.words.iter().skip(1).flat_map(|word| [Some(word.clone()), values(word)]);
        words.flatten().filter(|word| !word.is_empty()).map(PathBuf::from).collect()
    }

    /// The folder that it runs in.
    pub(crate) fn here(&self) -> PathBuf {
        let here = std::env::current_dir().unwrap_or_default();
        self.folder.as_ref().map_or(here.clone(), |folder| here.join(folder))
    }

    /// The command that starts it in a new process group.
    pub(crate) fn command(&self) -> Command {
        self.command_at(None)
    }

    /// The command that starts it from this path, if it was searched before.
    pub(crate) fn command_at(&self, place: Option<&Path>) -> Command {
        let mut words = self.words.iter();
        let word = words.next().cloned().unwrap_or_default();
        let mut command = Command::new(place.map_or(&*word, Path::as_os_str));
        #[cfg(unix)]
        std::os::unix::process::CommandExt::arg0(&mut command, &word);
        command.args(words).envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }
}

/// Whether there is a file at this path that may be run.
pub(crate) fn can_run(place: &Path) -> bool {
    #[cfg(unix)]
    let allowed = rustix::fs::access(place, rustix::fs::Access::EXEC_OK).is_ok();
    #[cfg(not(unix))]
    let allowed = true;
    allowed && place.is_file()
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words.iter().map(|word| word.to_string_lossy());
        f.write_str(&words.collect::<Vec<_>>().join(" "))
    }
}
