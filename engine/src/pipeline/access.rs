//! What a pipeline's process reaches outside of itself, as its file says: for the wall.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::diagnostic::Report;
use super::document::{self, Document};
use super::faults::FaultOptions;
use super::graph::Parts;
use super::open::PipelineFile;
use super::outside::{Address, Url, Use};
use super::pin::PluginOption;
use super::settings::LimitOptions;
use crate::Capability;
use crate::wall::{Program, Rules};

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
    /// What the pipeline of a file reaches. What is wrong with the file is told when it is opened.
    #[must_use]
    pub fn of(file: &PipelineFile) -> Self {
        let mut report = Report::new(&file.path, &file.text);
        let variable = |name: &str| std::env::var(name).ok();
        let mut access = Self::beneath(file.folder());
        if let Some(document) = document::read(&file.text, &variable, &mut report) {
            access.add(&document, &mut report);
        }
        access
    }

    /// Nothing yet, by a file in this folder.
    pub(super) fn beneath(folder: PathBuf) -> Self {
        Self { folder, ..Self::default() }
    }

    fn add(&mut self, document: &Document, report: &mut Report) {
        let limits = document.limits.options::<LimitOptions>(report).unwrap_or_default();
        self.plugin_size = limits.plugin_size();
        let faults = document.faults.options::<FaultOptions>(report).unwrap_or_default();
        self.puts_aside(&faults);
        for node in &document.nodes {
            if let (Some(kind), Some(Parts { own, faults })) = (node.kind, Parts::of(node, report)) {
                self.puts_aside(&faults);
                kind.access(&own, report, self);
            }
        }
    }

    fn puts_aside(&mut self, faults: &FaultOptions) {
        faults.file().into_iter().for_each(|path| self.writes(path));
    }

    fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// What a node uses is told to the wall, and remembered for when the node is built.
    fn say(&mut self, what: Use) {
        let rules = &mut self.rules;
        match &what {
            Use::Reads(path) => rules.read(path),
            Use::Follows(path) => follow(rules, path),
            Use::Writes(path) => rules.create(path),
            // How many are kept is known where that is said.
            Use::Rotates(_) => {}
            Use::Starts(program) => rules.start(program.clone()),
            Use::Listens(address) => address.parts().into_iter().for_each(|(_, port)| rules.listen(port)),
            Use::Dials(address) => {
                address.parts().into_iter().for_each(|(host, port)| rules.connect(host, port));
            }
            Use::Connects(url) => url.each().for_each(|url| rules.connect_url(url)),
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

    /// Whether a node said that it uses something.
    pub(super) fn has(&self, what: &Use) -> bool {
        self.said.contains(what)
    }

    /// A folder with all that is in it, or a file.
    pub(super) fn reads(&mut self, path: &Path) {
        self.say(Use::Reads(self.path(path)));
    }

    /// Files, which others may follow under the same names.
    pub(super) fn reads_all(&mut self, paths: &[PathBuf], follow: bool) {
        let what = if follow { Use::Follows } else { Use::Reads };
        paths.iter().for_each(|path| self.say(what(self.path(path))));
    }

    pub(super) fn writes(&mut self, path: &Path) {
        self.say(Use::Writes(self.path(path)));
    }

    /// A file that rotates, and how many older ones are kept.
    pub(super) fn rotates(&mut self, path: &Path, keep: usize) {
        let path = self.path(path);
        self.rules.rotate(&path, keep);
        self.said.push(Use::Rotates(path));
    }

    pub(super) fn starts(&mut self, command: &[String], folder: Option<&Path>) {
        self.say(Use::Starts(program(command, folder, &self.folder)));
    }

    pub(super) fn listens(&mut self, address: &Address) {
        self.say(Use::Listens(address.clone()));
    }

    /// It connects to this address.
    pub(super) fn dials(&mut self, address: &Address) {
        self.say(Use::Dials(address.clone()));
    }

    /// It connects to this URL.
    pub(super) fn connects(&mut self, url: &Url) {
        self.say(Use::Connects(url.clone()));
    }

    /// It connects to these servers, with what is in these files.
    pub(super) fn asks(&mut self, servers: &Url, files: [&Option<PathBuf>; 2]) {
        self.say(Use::Asks(servers.clone()));
        files.into_iter().flatten().for_each(|file| self.reads(file));
    }

    /// It loads a plugin, which may have these.
    pub(super) fn loads(&mut self, plugin: &PluginOption, allowed: &[String]) {
        self.say(Use::Loads(self.path(plugin.path()), plugin.hash().map(str::to_owned)));
        for capability in allowed.iter().filter_map(|text| text.parse().ok()) {
            self.say(Use::Grants(beneath(capability, &self.folder)));
        }
    }
}

/// A capability whose folder begins where the file's paths begin.
pub(super) fn beneath(capability: Capability, folder: &Path) -> Capability {
    match capability {
        Capability::Dir { path, read_only, quota } => {
            Capability::Dir { path: folder.join(path), read_only, quota }
        }
        other => other,
    }
}

/// A command as it is started: in the folder that is named, or in that of the file.
pub(super) fn program(command: &[String], named: Option<&Path>, folder: &Path) -> Program {
    let folder = named.map_or_else(|| folder.to_owned(), |named| folder.join(named));
    Program::new(command).folder((!folder.as_os_str().is_empty()).then_some(folder))
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
    fn a_node_has_what_it_said_and_nothing_else() {
        let mut access = Access::beneath("folder".into());
        access.reads("a".as_ref());
        access.writes("b".as_ref());
        assert!(access.has(&Use::Reads("folder/a".into())) && access.has(&Use::Writes("folder/b".into())));
        assert!(!access.has(&Use::Writes("folder/a".into())) && !access.has(&Use::Reads("folder/b".into())));
        assert!(!access.has(&Use::Reads("a".into())));
    }
}
