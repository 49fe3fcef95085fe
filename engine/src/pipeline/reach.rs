//! What a pipeline's process reaches outside of itself, as its file says: for the wall.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::document::{self, Document};
use super::faults::FaultOptions;
use super::graph::Parts;
use super::mistake::Report;
use super::open::PipelineFile;
use super::options::Address;
use super::pin::PluginOption;
use super::settings::LimitOptions;
use crate::Capability;
use crate::wall::{Program, Rules};

/// What a pipeline reaches outside of its process.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Files, hosts and programs of its sources, its sinks and its functions.
    pub rules: Rules,
    /// Where its plugins are, files or folders of plugin crates; and the hash that each must have, if that is said.
    pub plugins: BTreeSet<(PathBuf, Option<String>)>,
    /// The most bytes that a plugin's file may have, if the file says so.
    pub plugin_size: Option<u64>,
    /// Where relative paths begin.
    folder: PathBuf,
}

impl Reach {
    /// What the pipeline of a file reaches. What is wrong with the file is told when it is opened.
    #[must_use]
    pub fn of(file: &PipelineFile) -> Self {
        let mut report = Report::new(&file.path, &file.text);
        let variable = |name: &str| std::env::var(name).ok();
        let mut reach = Self { folder: file.folder(), ..Self::default() };
        if let Some(document) = document::read(&file.text, &variable, &mut report) {
            reach.add(&document, &mut report);
        }
        reach
    }

    fn add(&mut self, document: &Document, report: &mut Report) {
        let limits = document.limits.options::<LimitOptions>(report).unwrap_or_default();
        self.plugin_size = limits.plugin_size();
        let faults = document.faults.options::<FaultOptions>(report).unwrap_or_default();
        self.puts_aside(&faults);
        for node in &document.nodes {
            if let (Some(kind), Some(Parts { own, faults })) = (node.kind, Parts::of(node, report)) {
                self.puts_aside(&faults);
                kind.reach(&own, report, self);
            }
        }
    }

    fn puts_aside(&mut self, faults: &FaultOptions) {
        faults.file().into_iter().for_each(|path| self.writes(path));
    }

    fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// A file, or a folder with all that is in it.
    pub(super) fn reads(&mut self, path: &Path) {
        self.rules.read(self.path(path));
    }

    /// A file that another one may follow under the same name.
    pub(super) fn follows(&mut self, path: &Path) {
        let path = std::path::absolute(self.path(path)).unwrap_or_default();
        if let Ok(target) = path.canonicalize() {
            target.parent().into_iter().for_each(|folder| self.rules.read(folder));
        }
        self.rules.read(path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")));
    }

    pub(super) fn writes(&mut self, path: &Path) {
        self.rules.create(self.path(path));
    }

    /// A file that rotates, and how many older ones are kept.
    pub(super) fn rotates(&mut self, path: &Path, keep: usize) {
        self.rules.rotate(self.path(path), keep);
    }

    pub(super) fn starts(&mut self, command: &[String], folder: Option<&Path>) {
        let folder = folder.map_or_else(|| self.folder.clone(), |folder| self.path(folder));
        let folder = (!folder.as_os_str().is_empty()).then_some(folder);
        self.rules.start(Program::new(command).folder(folder));
    }

    pub(super) fn listens(&mut self, address: &Address) {
        if let Some((_, port)) = parts(address) {
            self.rules.listen(port);
        }
    }

    /// It connects to this address.
    pub(super) fn dials(&mut self, address: &Address) {
        if let Some((host, port)) = parts(address) {
            self.rules.connect(host, port);
        }
    }

    /// It connects to this URL.
    pub(super) fn connects(&mut self, url: &str) {
        self.rules.connect_url(url);
    }

    /// It connects to these servers, with what is in these files.
    pub(super) fn asks(&mut self, servers: &str, files: [&Option<PathBuf>; 2]) {
        servers.split(',').for_each(|server| self.rules.connect_url(server.trim()));
        self.rules.connect_cluster();
        files.into_iter().flatten().for_each(|file| self.reads(file));
    }

    /// It loads a plugin, which may have these.
    pub(super) fn loads(&mut self, plugin: &PluginOption, allowed: &[String]) {
        self.plugins.insert((self.path(plugin.path()), plugin.hash().map(str::to_owned)));
        for capability in allowed.iter().filter_map(|text| text.parse().ok()) {
            match capability {
                Capability::Dir { path, read_only: true, .. } => self.reads(&path),
                Capability::Dir { path, .. } => self.rules.write(self.path(&path)),
                other => self.rules.grant(&other),
            }
        }
    }
}

fn parts(address: &Address) -> Option<(&str, u16)> {
    let (host, port) = address.0.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}
