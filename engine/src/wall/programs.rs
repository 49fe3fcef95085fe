//! Checks the programs that the launcher starts outside of the wall: the run must not be able to change them, nor a file
//! that one of their arguments names. Files that a program finds by itself, such as its interpreter, are not checked.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::rules::target;
use super::ways::Way;
use super::{Program, Rules, WallError};
use crate::process::can_run;

/// A program that the launcher may start, and where it was found before anything ran that could have put it there.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outside {
    program: Program,
    /// None if no folder of `PATH` had it. It is not looked for again: by then the run could have put it there.
    place: Option<OsString>,
}

impl Outside {
    /// The command that starts the program.
    ///
    /// # Errors
    ///
    /// If the program was not found.
    #[cfg(unix)]
    pub(super) fn command(&self) -> io::Result<Command> {
        let place = self.place.as_deref().ok_or(rustix::io::Errno::NOENT)?;
        Ok(self.program.command_at(Some(Path::new(place))))
    }
}

/// Finds the programs that rules name, in their order, and checks that the run can change none of them.
pub(super) fn find(rules: &Rules) -> Result<Vec<Outside>, WallError> {
    let changes = Changes::new(rules);
    let refused = |reason: String| WallError::new("start a program outside of the wall", &reason);
    let find = |program: &Program| {
        let places = program.places();
        let here = program.here();
        let named = program.named();
        let named = named.iter().filter(|word| changes.name(&here.join(word)) || is_path(word, &here));
        let mut paths = places.iter().cloned().chain(named.map(|word| here.join(word)));
        paths.try_for_each(|path| changes.check(&path)).map_err(refused)?;
        // A program that is named by a path stays where it is, and its start says what is wrong with it.
        let place = places.into_iter().next_back().filter(|place| !program.is_name() || can_run(place));
        Ok(Outside { program: program.clone(), place: place.map(PathBuf::into_os_string) })
    };
    rules.programs.iter().map(find).collect()
}

/// Whether a word stands for a file, which may not be there yet: it has a folder that is there, or the ending of a
/// file's name.
fn is_path(word: &Path, here: &Path) -> bool {
    // Many programs mean something else by it, as jq does.
    if word == Path::new(".") {
        return false;
    }
    let begins = word.components().next().is_some_and(|first| here.join(first).symlink_metadata().is_ok());
    let text = word.to_str().unwrap_or_default();
    let is_plain = |letter: char| letter.is_alphanumeric() || "._-".contains(letter);
    let ends = word.extension().and_then(OsStr::to_str).is_some_and(|ending| {
        ending.starts_with(char::is_alphabetic) && text.starts_with(char::is_alphanumeric)
    });
    begins || (ends && text.chars().all(is_plain))
}

/// What a run may change outside of its process.
struct Changes<'a> {
    rules: &'a Rules,
    /// What it may write, as it is now.
    writes: Vec<(PathBuf, Id)>,
}

impl<'a> Changes<'a> {
    fn new(rules: &'a Rules) -> Self {
        let writes = rules.writes.iter().filter_map(|path| Some((path.clone(), id(path)?))).collect();
        Self { rules, writes }
    }

    /// Checks that the run can't change what is found at a path.
    fn check(&self, path: &Path) -> Result<(), String> {
        let way = Way::from(path);
        let within = way.passed.iter().flat_map(|spot| spot.ancestors().skip(1));
        if let Some(folder) = within.chain(way.end.ancestors()).find_map(|spot| self.writes(spot)) {
            let (path, folder) = (path.display(), folder.display());
            return Err(format!("{path} is in {folder}, which the run may write: move one of them"));
        }
        match way.passed.iter().find(|spot| self.puts(spot)) {
            Some(_) => {
                Err(format!("{} is a file that the run makes or replaces: name another one", path.display()))
            }
            None => Ok(()),
        }
    }

    /// Whether a path leads to a file that the run makes, replaces or rotates.
    fn name(&self, path: &Path) -> bool {
        Way::from(path).passed.iter().any(|spot| self.puts(spot))
    }

    /// What it may write, if that is at this path.
    fn writes(&self, path: &Path) -> Option<&Path> {
        let id = id(path)?;
        self.writes.iter().find(|(_, written)| *written == id).map(|(path, _)| path.as_path())
    }

    /// Whether it may put a file at this path.
    fn puts(&self, file: &Path) -> bool {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return false };
        // The name of a path that is in the same folder.
        let beside = |path: &Path| {
            let same = Way::from(path.parent()?).end == folder;
            path.file_name().filter(|_| same).map(OsStr::to_owned)
        };
        let is_made = |path: &PathBuf| beside(&target(path)).is_some_and(|made| made == name);
        let is_older = |(path, keep): (&PathBuf, &usize)| {
            let number = beside(path).and_then(|newest| number(&newest, name));
            number.is_some_and(|number| number <= *keep)
        };
        let Rules { creates, replaces, rotates, .. } = self.rules;
        creates.iter().chain(replaces).any(is_made) || rotates.iter().any(is_older)
    }
}

/// The number of an older file that rotates; 0 of the newest.
fn number(newest: &OsStr, name: &OsStr) -> Option<usize> {
    let rest = name.as_encoded_bytes().strip_prefix(newest.as_encoded_bytes())?;
    match rest {
        [] => Some(0),
        rest => str::from_utf8(rest).ok()?.strip_prefix('.')?.parse().ok(),
    }
}

/// What a file or folder is known by, whatever path leads to it.
#[cfg(unix)]
type Id = (u64, u64);
#[cfg(not(unix))]
type Id = PathBuf;

#[cfg(unix)]
fn id(path: &Path) -> Option<Id> {
    let known = path.metadata().ok()?;
    Some((std::os::unix::fs::MetadataExt::dev(&known), std::os::unix::fs::MetadataExt::ino(&known)))
}

#[cfg(not(unix))]
fn id(path: &Path) -> Option<Id> {
    path.canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_the_run_could_replace_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let refused = |rules: &Rules, script: &str| {
            let mut rules = rules.clone();
            let words = [OsStr::new("sh"), OsStr::new(script)];
            rules.start(Program::new(words).folder(Some(folder.path().to_owned())));
            find(&rules).is_err()
        };
        let mut rules = Rules::new();
        std::fs::create_dir(at("granted")).unwrap();
        std::fs::write(at("granted/there"), "").unwrap();
        rules.write(at("granted"));
        rules.create(at("new"));
        rules.replace(at("checkpoint"));
        rules.rotate(at("log"), 2);
        #[cfg(unix)]
        for (link, text) in [
            ("granted/away", "/bin/true"),
            ("to-away", "granted/away"),
            ("to-granted", "granted"),
            ("to-new", "new"),
            ("elsewhere", "other"),
        ] {
            std::os::unix::fs::symlink(text, at(link)).unwrap();
        }
        let links: &[&str] = if cfg!(unix) {
            &["granted/away", "to-away", "to-granted/there", "to-granted", "to-new"]
        } else {
            &[]
        };
        // Whether they are there or not.
        for _ in 0..2 {
            for script in ["checkpoint", "log", "log.1", "log.2", "new", "granted/there", "granted/not-there"]
            {
                assert!(refused(&rules, script), "{script}");
            }
            for script in links.iter().chain(&["./granted/a/b", "granted", "granted/in/../../other"]) {
                assert!(refused(&rules, script), "{script}");
            }
            for script in ["other", "log.3", "log.x", "logs", "granted/../other", "elsewhere", "s/a/b/"] {
                assert!(!refused(&rules, script), "{script}");
            }
            for script in ["checkpoint", "log", "log.1", "log.2", "other", "log.3", "log.x", "logs"] {
                std::fs::write(at(script), "").unwrap();
            }
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_program_starts_from_where_it_was_found_or_not_at_all() {
        use std::os::unix::ffi::OsStringExt;

        let folder = tempfile::tempdir().unwrap();
        let tool = folder.path().join(OsString::from_vec(b"t\xffl".to_vec()));
        std::fs::write(&tool, "#!/bin/sh\n").unwrap();
        let mut rules = Rules::new();
        rules.start(Program::new([&tool]));
        rules.start(Program::new(["a-program-that-is-nowhere"]));
        // As the launcher gets them.
        let found = serde_json::to_vec(&find(&rules).unwrap()).unwrap();
        let found: Vec<Outside> = serde_json::from_slice(&found).unwrap();
        assert_eq!(found[0].command().unwrap().get_program(), tool);
        assert_eq!(found[1].command().unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    #[cfg(unix)]
    fn a_symlink_at_the_end_of_a_long_path_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let granted = folder.path().join("granted");
        let deep = folder.path().join("d/".repeat(50));
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::create_dir(&granted).unwrap();
        std::os::unix::fs::symlink(granted.join("tool"), deep.join("tool")).unwrap();
        let mut rules = Rules::new();
        rules.write(&granted);
        rules.start(Program::new([deep.join("tool")]));
        assert!(find(&rules).is_err());
    }

    #[test]
    fn system_programs_run_though_the_run_can_write_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut rules = Rules::new();
        rules.write(folder.path());
        let start = |words: &[&str]| {
            let mut rules = rules.clone();
            rules.start(Program::new(words).folder(Some(folder.path().to_owned())));
            find(&rules).map(|found| found[0].place.clone())
        };
        for words in [
            &["sed", "-e", "s/a/b/", "--posix"][..],
            &["sh", "-c", "exec cat", "1.5", ".name", ".", "{print $1}", "dir:data"],
        ] {
            assert!(start(words).unwrap().is_some_and(|place| Path::new(&place).is_absolute()), "{words:?}");
        }
        assert_eq!(start(&["a-program-that-is-nowhere"]).unwrap(), None);
        for words in [&["sh", "new.sh"][..], &["./tool"], &["sh", "--rcfile=./new"]] {
            assert!(start(words).is_err(), "{words:?}");
        }
    }
}
