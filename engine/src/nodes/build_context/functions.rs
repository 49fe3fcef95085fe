//! Functions that nodes call, and the plugins that have them.

use std::path::Path;

use super::BuildContext;
use super::files::in_use;
use crate::executor::Returns;
use crate::nodes::access::Use;
use crate::nodes::diagnostic::Problem;
use crate::nodes::flow::Bytes;
use crate::nodes::plugin_option::PluginOption;
use crate::run::FunctionUsage;
use crate::{Capability, Function, Plugin};

impl BuildContext<'_> {
    /// What a plugin may have.
    pub(crate) fn grants(&self, capability: Capability) -> Result<Capability, Problem> {
        let capability = capability.beneath(&self.folder);
        self.access.check(&Use::Grants(capability.clone()))?;
        match capability.folder() {
            Some(folder) if !folder.is_dir() => {
                Err(Problem::at("allow", format!("there is no folder {}", folder.display())))
            }
            _ => Ok(capability),
        }
    }

    /// A plugin that a node names, loaded once.
    pub(crate) fn plugin(&mut self, option: &PluginOption) -> Result<Plugin, Problem> {
        let path = self.path(option.path());
        self.access.check(&Use::Loads(path.clone(), option.hash().map(str::to_owned)))?;
        let plugin = match self.plugins.get(&path) {
            Some(plugin) => plugin.clone(),
            None => self.load(&path, option.hash())?,
        };
        // Another node may have named it otherwise.
        option.hash().map_or(Ok(()), |hash| plugin.check_hash(hash)).map_err(|error| Problem::of(&error))?;
        self.plugins.insert(path, plugin.clone());
        Ok(plugin)
    }

    fn load(&mut self, path: &Path, hash: Option<&str>) -> Result<Plugin, Problem> {
        let component = (self.find_component)(path).map_err(|reason| {
            let problem = Problem::at("plugin", reason);
            // As the command line has it.
            match path.to_str().and_then(|path| path.rsplit_once(".wasm:")) {
                Some((_, function)) => problem.help(format!("write function = {function:?} beside the path")),
                None => problem,
            }
        })?;
        self.conflicts.read(&component).map_err(in_use("plugin"))?;
        let plugin = match hash {
            Some(hash) => self.pool.blocking_load_pinned(component, hash),
            None => self.pool.blocking_load(component),
        };
        plugin.map_err(|error| Problem::of(&error))
    }

    /// The node at hand calls a function.
    pub(crate) fn calls<O: Returns>(&mut self, function: &Function<Bytes, O>) {
        self.functions.push((self.guard.name.to_string(), FunctionUsage::of(function)));
    }
}
