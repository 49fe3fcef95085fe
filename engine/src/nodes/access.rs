//! What a pipeline's process reaches outside of itself, as its file says: for the wall.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::address::Address;
#[cfg(feature = "net")]
use super::address::Url;
use super::diagnostic::Problem;
use super::faults::FaultOptions;
use super::plugin_option::PluginOption;
use crate::Capability;
use crate::files::{self, Pattern};
use crate::wall::{Program, Rules};

/// One thing that a node uses. Paths are as this process sees them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Use {
    /// A file, or a folder with all that is in it.
    Reads(PathBuf),
    /// A file that another one may follow under the same name.
    Follows(PathBuf),
    Writes(PathBuf),
    /// A file that is replaced.
    Replaces(PathBuf),
    /// A file that rotates.
    Rotates(PathBuf),
    Starts(Program),
    Listens(Address),
    Dials(Address),
    #[cfg(feature = "net")]
    Connects(Url),
    /// Servers that tell of others.
    #[cfg(feature = "cluster")]
    Asks(Url),
    /// A plugin, and the hash that it must have.
    Loads(PathBuf, Option<String>),
    Grants(Capability),
}

/// What a pipeline reaches outside of its process.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Files, hosts and programs of its sources, its sinks and its functions.
    pub rules: Rules,
    /// Where its plugins are, files or folders of plugin crates; and the hash that each must have, if that is said.
    pub plugins: BTreeSet<(PathBuf, Option<String>)>,
    /// The most bytes that a plugin's file may have, if the file says so.
    pub plugin_size: Option<u64>,
    /// What nodes said that they use.
    said: Vec<Use>,
    /// Where relative paths begin.
    folder: PathBuf,
}

impl Access {
    /// Nothing yet, by a file in this folder.
    pub(crate) fn beneath(folder: PathBuf) -> Self {
        Self { folder, ..Self::default() }
    }

    pub(crate) fn puts_aside(&mut self, faults: &FaultOptions) {
        faults.file().into_iter().for_each(|path| self.writes(path));
    }

    fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// What a node uses is passed to the wall, and remembered for when the node is built.
    fn say(&mut self, what: Use) {
        let rules = &mut self.rules;
        match &what {
            Use::Reads(path) => rules.read(path),
            Use::Follows(path) => follow(rules, path),
            Use::Writes(path) => rules.create(path),
            Use::Replaces(path) => rules.replace(path),
            // How many are kept is known where that is said.
            Use::Rotates(_) => {}
            Use::Starts(program) => rules.start(program.clone()),
            Use::Listens(address) => address.parts().into_iter().for_each(|(_, port)| rules.listen(port)),
            Use::Dials(address) => {
                address.parts().into_iter().for_each(|(host, port)| rules.connect(host, port));
            }
            #[cfg(feature = "net")]
            Use::Connects(url) => url.each().for_each(|url| rules.connect_url(url)),
            #[cfg(feature = "cluster")]
            Use::Asks(servers) => {
                servers.each().for_each(|server| rules.connect_url(server));
                rules.connect_cluster();
            }
            Use::Loads(path, hash) => {
                self.plugins.insert((path.clone(), hash.clone()));
            }
            Use::Grants(capability) => rules.grant(capability),
        }
        self.said.push(what);
    }

    /// Whether a node declared that it uses something.
    fn has(&self, what: &Use) -> bool {
        self.said.contains(what)
    }

    /// Refuses what a node did not declare: the wall does not let it through.
    pub(crate) fn check(&self, what: &Use) -> Result<(), Problem> {
        if self.has(what) {
            return Ok(());
        }
        // What it is may be a secret.
        Err(Problem::new("this node opened something that it had not declared").help("report this as a bug"))
    }

    /// An address at which a node listens that said so.
    pub(crate) fn listened_at(&self, address: Address) -> Result<String, Problem> {
        self.check(&Use::Listens(address.clone()))?;
        Ok(address.0)
    }

    /// An address to which a node connects that said so.
    pub(crate) fn dialed(&self, address: Address) -> Result<String, Problem> {
        self.check(&Use::Dials(address.clone()))?;
        Ok(address.0)
    }

    /// A URL to which a node connects that said so.
    #[cfg(feature = "net")]
    pub(crate) fn connected(&self, url: Url) -> Result<String, Problem> {
        self.check(&Use::Connects(url.clone()))?;
        Ok(url.0)
    }

    /// Servers that a node asks that said so.
    #[cfg(feature = "cluster")]
    pub(crate) fn asked(&self, servers: Url) -> Result<String, Problem> {
        self.check(&Use::Asks(servers.clone()))?;
        Ok(servers.0)
    }

    /// A folder with all that is in it, or a file.
    pub(crate) fn reads(&mut self, path: &Path) {
        self.say(Use::Reads(self.path(path)));
    }

    /// Files, which others may follow under the same names. A pattern stands for a folder with all that is in it.
    pub(crate) fn reads_all(&mut self, paths: &[PathBuf], follow: bool) {
        for path in paths {
            let path = self.path(path);
            self.say(match pattern(&path) {
                Some(Ok(pattern)) => Use::Reads(pattern.folder().to_owned()),
                _ if follow => Use::Follows(path),
                _ => Use::Reads(path),
            });
        }
    }

    /// A file that is replaced as a whole.
    pub(crate) fn replaces(&mut self, path: &Path) {
        self.say(Use::Replaces(self.path(path)));
    }

    pub(crate) fn writes(&mut self, path: &Path) {
        self.say(Use::Writes(self.path(path)));
    }

    /// A file that rotates, and how many older ones are kept.
    pub(crate) fn rotates(&mut self, path: &Path, keep: usize) {
        let path = self.path(path);
        self.rules.rotate(&path, keep);
        self.said.push(Use::Rotates(path));
    }

    pub(crate) fn starts(&mut self, command: &[String], folder: Option<&Path>) {
        self.say(Use::Starts(program(command, folder, &self.folder)));
    }

    pub(crate) fn listens(&mut self, address: &Address) {
        self.say(Use::Listens(address.clone()));
    }

    /// It connects to this address.
    pub(crate) fn dials(&mut self, address: &Address) {
        self.say(Use::Dials(address.clone()));
    }

    /// It connects to this URL.
    #[cfg(feature = "net")]
    pub(crate) fn connects(&mut self, url: &Url) {
        self.say(Use::Connects(url.clone()));
    }

    /// It connects to these servers, with what is in these files.
    #[cfg(feature = "cluster")]
    pub(crate) fn asks(&mut self, servers: &Url, files: [&Option<PathBuf>; 2]) {
        self.say(Use::Asks(servers.clone()));
        files.into_iter().flatten().for_each(|file| self.reads(file));
    }

    /// It loads a plugin, which may have these.
    pub(crate) fn loads(&mut self, plugin: &PluginOption, allowed: &[String]) {
        self.say(Use::Loads(self.path(plugin.path()), plugin.hash().map(str::to_owned)));
        for capability in allowed.iter().filter_map(|text| text.parse::<Capability>().ok()) {
            self.say(Use::Grants(capability.beneath(&self.folder)));
        }
    }
}

/// A command as it is started: in the folder that is named, or in that of the file.
pub(crate) fn program(command: &[String], named: Option<&Path>, folder: &Path) -> Program {
    let folder = named.map_or_else(|| folder.to_owned(), |named| folder.join(named));
    Program::new(command).folder((!folder.as_os_str().is_empty()).then_some(folder))
}

/// The pattern that a path is, unless there is a file of this name.
pub(crate) fn pattern(path: &Path) -> Option<Result<Pattern, globset::Error>> {
    (Pattern::is_pattern(path) && files::known(path).is_err()).then(|| Pattern::new(path))
}

/// Where another file may be found under the same name, and what a link leads to now.
fn follow(rules: &mut Rules, path: &Path) {
    let path = std::path::absolute(path).unwrap_or_default();
    if let Ok(target) = path.canonicalize() {
        target.parent().into_iter().for_each(|folder| rules.read(folder));
    }
    rules.read(path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_gets_exactly_what_it_declared() {
        let mut access = Access::beneath("folder".into());
        access.reads("a".as_ref());
        access.writes("b".as_ref());
        assert!(access.has(&Use::Reads("folder/a".into())) && access.has(&Use::Writes("folder/b".into())));
        assert!(!access.has(&Use::Writes("folder/a".into())) && !access.has(&Use::Reads("folder/b".into())));
        assert!(!access.has(&Use::Reads("a".into())));
    }
}
