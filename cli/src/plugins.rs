//! From what the command line names to the functions of a chain.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use engine::function::Signature;
use engine::operators::Part;
use engine::plugin::Output;
use engine::{FaultPolicy, Function, Kind, Plugin, Pool};

use super::args::{Allowed, Argument, KeyArg, PluginSpec};
use super::cargo;

/// Records as they are: functions of all types go with them.
pub(crate) type Records = Vec<u8>;

/// The functions of a run, in their order.
pub(crate) struct Chain {
    pub(crate) stages: Vec<Stage>,
    pub(crate) sink: Option<Function<Records, ()>>,
    /// The plugin of each function, in their order.
    pub(crate) plugins: Vec<Plugin>,
}

/// A function that is no sink, and the key of its records, if it has a state for each.
pub(crate) struct Stage {
    pub(crate) function: Function<Records, Records>,
    pub(crate) key: Option<Part>,
}

impl Stage {
    pub(crate) fn accumulates(&self) -> bool {
        self.function.signature().kind == Kind::Accumulate
    }
}

/// What the command line says of the functions of a chain.
pub(crate) struct Named<'a> {
    pub(crate) plugins: &'a [PluginSpec],
    /// The component of each.
    pub(crate) components: &'a [PathBuf],
    pub(crate) arguments: &'a [Argument],
    pub(crate) keys: &'a [KeyArg],
    pub(crate) allowed: &'a [Allowed],
}

/// Whether a plugin crate's folder may be built, which runs code of its author.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crates {
    /// For what runs its functions anyway.
    Build,
    /// For what only looks at them.
    BuiltBefore,
}

/// The component that a path stands for: a file, or that of a plugin crate's folder.
pub(crate) fn component(path: &Path, crates: Crates) -> anyhow::Result<PathBuf> {
    match crates {
        _ if !path.is_dir() => Ok(path.to_owned()),
        Crates::Build => Ok(cargo::build(path, true)?.wasm),
        Crates::BuiltBefore => cargo::find(path),
    }
}

/// The components that paths stand for, each found once.
#[derive(Default)]
pub(crate) struct Components(RefCell<HashMap<PathBuf, Result<PathBuf, String>>>);

impl Components {
    /// The component that a path stands for; a crate's folder is built.
    pub(crate) fn find(&self, path: &Path) -> Result<PathBuf, String> {
        self.0.borrow_mut().entry(path.to_owned()).or_insert_with(|| found(path, Crates::Build)).clone()
    }
}

/// The component that a path stands for, or what to tell if there is none.
pub(crate) fn found(path: &Path, crates: Crates) -> Result<PathBuf, String> {
    component(path, crates).map_err(|error| format!("{error:#}"))
}

impl Chain {
    /// Loads the plugins, binds the arguments, and opens each function once, so that all mistakes
    /// show before the first record.
    pub(crate) fn open(
        pool: &Pool,
        named: &Named,
        output: &Output,
        policy: &FaultPolicy,
    ) -> anyhow::Result<Self> {
        let Named { arguments, allowed, .. } = *named;
        let mut links = Vec::new();
        let mut plugins = Vec::new();
        for (number, (spec, component)) in (1..).zip(named.plugins.iter().zip(named.components)) {
            let plugin = pool.blocking_load(component)?;
            plugins.push(plugin.clone());
            let its = |allowed: &&Allowed| allowed.plugin.is_none_or(|plugin| plugin == number);
            let granted = allowed.iter().filter(its).map(|allowed| allowed.capability.clone());
            links.push(Link::find(&granted.fold(plugin, Plugin::grant), spec)?);
        }
        for allowed in allowed {
            check_needed(&links, allowed)?;
        }
        for (index, argument) in arguments.iter().enumerate() {
            bind(&mut links, argument)?;
            let Argument { plugin, name, .. } = argument;
            let twice = arguments[..index].iter().any(|other| other.plugin == *plugin && other.name == *name);
            ensure!(!twice, "--arg {name} is given twice");
        }
        let mut keys = keys_of(&links, named.keys)?;
        let last = links.len().saturating_sub(1);
        let policies: Vec<_> = (0..links.len()).map(|index| policy_of(&links, index, policy)).collect();
        let (mut stages, mut sink) = (Vec::new(), None);
        for (index, link) in links.into_iter().enumerate() {
            match link {
                Link::Function(function) => {
                    let function = function.on_fault(&policies[index]);
                    function.blocking_prepare()?;
                    stages.push(Stage { function, key: keys[index].take() });
                }
                Link::Sink(function) => {
                    let name = &function.signature().name;
                    ensure!(
                        index == last,
                        "{name} is a sink: it must be the last --plugin, and the only sink"
                    );
                    let function = function.stdout(output).on_fault(&policies[index]);
                    function.blocking_prepare()?;
                    sink = Some(function);
                }
            }
        }
        Ok(Self { stages, sink, plugins })
    }

    /// What all functions say of themselves, in their order.
    pub(crate) fn signatures(&self) -> impl Iterator<Item = &Signature> {
        let stages = self.stages.iter().map(|stage| stage.function.signature());
        stages.chain(self.sink.iter().map(Function::signature))
    }
}

/// The policy of a function. Faults tell the plugin's number if several functions have this name.
fn policy_of(links: &[Link], index: usize, policy: &FaultPolicy) -> FaultPolicy {
    let same = links.iter().filter(|link| link.name() == links[index].name());
    let policy = policy.clone();
    if same.count() > 1 { policy.for_node(&(index + 1).to_string()) } else { policy }
}

/// Refuses a capability that no function asks for: it would have no effect.
fn check_needed(links: &[Link], Allowed { plugin, capability }: &Allowed) -> anyhow::Result<()> {
    if let Some(number) = plugin {
        ensure!(
            (1..=links.len()).contains(number),
            "--allow {number}.{capability}: there is no plugin {number}"
        );
    }
    if let Some(folder) = capability.folder() {
        ensure!(folder.is_dir(), "--allow {capability}: there is no such folder");
    }
    let mut its = (1..).zip(links).filter(|(number, _)| plugin.is_none_or(|plugin| plugin == *number));
    let needed = its.any(|(_, link)| link.signature().capabilities.iter().any(|need| capability.meets(need)));
    ensure!(needed, "--allow {capability}: no function says that it needs that (see `engine inspect`)");
    Ok(())
}

/// One function of the chain.
enum Link {
    Function(Function<Records, Records>),
    Sink(Function<Records, ()>),
}

impl Link {
    fn find(plugin: &Plugin, spec: &PluginSpec) -> anyhow::Result<Self> {
        let name = match &spec.function {
            Some(name) => name.clone(),
            None => only_name(plugin, &spec.path)?,
        };
        let kind =
            plugin.signatures().iter().find(|signature| signature.name == name).map(|found| found.kind);
        match kind {
            Some(Kind::Sink) => Ok(Self::Sink(plugin.function(&name)?)),
            _ => Ok(Self::Function(plugin.function(&name)?)),
        }
    }

    fn name(&self) -> &str {
        &self.signature().name
    }

    fn signature(&self) -> &Signature {
        match self {
            Self::Function(function) => function.signature(),
            Self::Sink(function) => function.signature(),
        }
    }

    fn has_parameter(&self, name: &str) -> bool {
        self.signature().parameters.iter().any(|parameter| parameter.name == name)
    }

    fn bind(&mut self, Argument { name, value, .. }: &Argument) -> Result<(), engine::Error> {
        match self {
            Self::Function(function) => *function = function.with(name, value)?,
            Self::Sink(function) => *function = function.with(name, value)?,
        }
        Ok(())
    }
}

fn only_name(plugin: &Plugin, path: &Path) -> anyhow::Result<String> {
    match plugin.signatures() {
        [signature] => Ok(signature.name.clone()),
        several => {
            let names: Vec<_> = several.iter().map(|signature| signature.name.as_str()).take(20).collect();
            let more = if several.len() > names.len() { ", …" } else { "" };
            bail!(
                "{path} has several functions ({names}{more}): choose one, as in {path}:{first}",
                path = path.display(),
                first = names[0],
                names = names.join(", ")
            )
        }
    }
}

/// The key of each function: that which names it, or that of the only one that accumulates.
fn keys_of(links: &[Link], keys: &[KeyArg]) -> anyhow::Result<Vec<Option<Part>>> {
    let mut found = vec![None; links.len()];
    let accumulates = |index: &usize| links[*index].signature().kind == Kind::Accumulate;
    let ours: Vec<_> = (0..links.len()).filter(accumulates).collect();
    for key in keys {
        let index = match (key.plugin, &*ours) {
            (Some(number), _) => number - 1,
            (None, [only]) => *only,
            (None, []) => bail!("--key {key}: no function here accumulates"),
            (None, [first, ..]) => {
                let names: Vec<_> =
                    ours.iter().map(|index| format!("{} {}", index + 1, links[*index].name())).collect();
                bail!("--key {key}: {} accumulate: write {}.{key} for one", names.join(" and "), first + 1)
            }
        };
        let link = links.get(index);
        let link = link.with_context(|| format!("--key {key}: there is no plugin {}", index + 1))?;
        ensure!(accumulates(&index), "--key {key}: {} does not accumulate", link.name());
        ensure!(found[index].replace(key.part.clone()).is_none(), "--key {key}: {} has a key", link.name());
    }
    Ok(found)
}

/// Gives an argument to the function it is for: the one it names, or the only one that has the parameter.
fn bind(links: &mut [Link], argument: &Argument) -> anyhow::Result<()> {
    let Argument { plugin, name, .. } = argument;
    if let Some(number) = *plugin {
        let count = links.len();
        let link = links.get_mut(number - 1);
        let link = link
            .with_context(|| format!("--arg {number}.{name}: there is no plugin {number}, only {count}"))?;
        return Ok(link.bind(argument)?);
    }
    let takers: Vec<_> = (0..links.len()).filter(|index| links[*index].has_parameter(name)).collect();
    match *takers {
        [index] => Ok(links[index].bind(argument)?),
        // Its own error says which parameters there are.
        [] if links.len() == 1 => Ok(links[0].bind(argument)?),
        [] => {
            let names: Vec<_> = links.iter().map(Link::name).collect();
            bail!("--arg {name}: none of {} has such a parameter (see `engine inspect`)", names.join(", "))
        }
        [first, ..] => {
            let names: Vec<_> =
                takers.iter().map(|index| format!("{} {}", index + 1, links[*index].name())).collect();
            bail!("--arg {name}: {} have it: write {}.{name}=… for one", names.join(" and "), first + 1)
        }
    }
}
