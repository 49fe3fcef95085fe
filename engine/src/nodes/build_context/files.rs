//! Files that nodes read and write, and programs that they start.

use std::io;
use std::path::{Path, PathBuf};

use super::BuildContext;
use crate::files::{self, Pattern};
use crate::nodes::access::{Use, pattern, program};
use crate::nodes::diagnostic::Problem;
use crate::run::{DeadLetterFile, FileConflict, OutputFile, is_one_file};

impl BuildContext<'_> {
    /// A folder that is read.
    pub(crate) fn reads_folder(&self, path: &Path) -> Result<PathBuf, Problem> {
        let path = self.path(path);
        self.access.check(&Use::Reads(path.clone()))?;
        if path.is_dir() {
            return Ok(path);
        }
        Err(Problem::at("path", format!("there is no folder {}", path.display())))
    }

    /// A command that is started, and the folder that it runs in, if it is another one than this process's.
    pub(crate) fn starts(
        &self,
        command: Vec<String>,
        folder: Option<&Path>,
    ) -> Result<(Vec<String>, Option<PathBuf>), Problem> {
        let program = program(&command, folder, &self.folder);
        self.access.check(&Use::Starts(program.clone()))?;
        if command.first().is_none_or(String::is_empty) {
            let problem = Problem::at("command", "there is no program");
            return Err(problem.help("write [\"PROGRAM\", \"ARGUMENT\"]"));
        }
        if !program.is_found() {
            let problem = Problem::at("command", format!("there is no program {}", command[0]));
            return Err(problem.help("write the program's path, or correct PATH"));
        }
        Ok((command, program.folder))
    }

    /// A file that is read.
    pub(crate) fn reads(&mut self, path: &Path, key: &str) -> Result<PathBuf, Problem> {
        let path = self.path(path);
        self.access
            .check(&Use::Follows(path.clone()))
            .or_else(|_| self.access.check(&Use::Reads(path.clone())))?;
        let readable = files::known(&path).map_err(|error| unreadable(&path, key, &error))?;
        if readable.is_dir() {
            return Err(Problem::at(key, format!("can't read {}: it is a folder", path.display())));
        }
        files::check_readable(&path).map_err(|error| unreadable(&path, key, &error))?;
        self.conflicts.read(&path).map_err(in_use(key))?;
        Ok(path)
    }

    /// The pattern that a path is, if it is one: the files that match it are read.
    pub(crate) fn reads_matching(
        &mut self,
        path: &Path,
        follow: bool,
        key: &str,
    ) -> Result<Option<Pattern>, Problem> {
        let path = self.path(path);
        let Some(pattern) = pattern(&path) else { return Ok(None) };
        let pattern = pattern.map_err(|error| {
            Problem::at(key, format!("{} is not a pattern for files: {}", path.display(), error.kind()))
        })?;
        self.access.check(&Use::Reads(pattern.folder().to_owned()))?;
        if !pattern.folder().is_dir() {
            return Err(Problem::at(key, format!("there is no folder {}", pattern.folder().display())));
        }
        let found = pattern.find().map_err(|error| unreadable(pattern.folder(), key, &error))?;
        if found.is_empty() && !follow {
            return Err(Problem::at(key, format!("no file matches {}", path.display())));
        }
        for path in found {
            files::check_readable(&path).map_err(|error| unreadable(&path, key, &error))?;
            self.conflicts.read(&path).map_err(in_use(key))?;
        }
        let matches = pattern.clone();
        let fits = move |name: &Path| matches.is_match(name);
        self.conflicts.read_folder(pattern.folder(), Box::new(fits)).map_err(in_use(key))?;
        Ok(Some(pattern))
    }

    /// A file that is followed, which need not be there yet.
    pub(crate) fn follows(&mut self, path: &Path, key: &str) -> Result<PathBuf, Problem> {
        let found = self.path(path);
        match files::known(&found) {
            Ok(known) if !known.is_file() && !known.is_dir() => {
                let problem = Problem::at(key, format!("can't follow {}: it is not a file", found.display()));
                Err(problem.help("remove follow"))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.access.check(&Use::Follows(found.clone()))?;
                let folder = found.parent().filter(|folder| !folder.as_os_str().is_empty());
                if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                    return Err(Problem::at(key, format!("there is no folder {}", folder.display())));
                }
                self.conflicts.read(&found).map_err(in_use(key))?;
                Ok(found)
            }
            _ => self.reads(path, key),
        }
    }

    /// A file that a node replaces as a whole.
    pub(crate) fn replaces(&mut self, path: &Path, key: &str) -> Result<PathBuf, Problem> {
        let path = self.path(path);
        self.access.check(&Use::Replaces(path.clone()))?;
        self.conflicts.write(&path, false).map_err(in_use(key))?;
        Ok(path)
    }

    /// The file that records are put aside in, which several nodes may share.
    pub(super) fn dead_letters(&mut self, path: &Path) -> Result<DeadLetterFile, Problem> {
        let path = self.path(path);
        // Another way to write it is the same file.
        if let Some(dead_letters) =
            self.dead_letters.iter().find(|dead_letters| is_one_file(&dead_letters.path, &path))
        {
            return Ok(dead_letters.clone());
        }
        self.conflicts.write(&path, false).map_err(in_use("on_fault"))?;
        let dead_letters = DeadLetterFile::new(path, self.positions.clone());
        self.dead_letters.push(dead_letters.clone());
        Ok(dead_letters)
    }

    /// A folder whose files are read that have certain names.
    pub(crate) fn reads_files_of(
        &mut self,
        folder: &Path,
        names: impl Fn(&Path) -> bool + 'static,
    ) -> Result<(), Problem> {
        self.conflicts.read_folder(folder, Box::new(names)).map_err(in_use("path"))
    }

    /// A file that a node writes by itself, which is made or emptied once all is found right.
    pub(crate) fn writes(&mut self, path: &Path, append: bool, rotates: bool) -> Result<PathBuf, Problem> {
        let path = self.path(path);
        self.access.check(&if rotates { Use::Rotates(path.clone()) } else { Use::Writes(path.clone()) })?;
        self.conflicts.write(&path, rotates).map_err(in_use("path"))?;
        self.outputs.push(OutputFile::of_node(&path, append));
        Ok(path)
    }
}

/// A file that another node uses, as this key says.
pub(super) fn in_use(key: &str) -> impl FnOnce(FileConflict) -> Problem {
    move |FileConflict { message, help }| {
        let problem = Problem::at(key, message);
        match help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}

fn unreadable(path: &Path, key: &str, error: &std::io::Error) -> Problem {
    Problem::at(key, format!("can't read {}: {error}", path.display()))
}
