//! From what the command line names to the functions of a chain.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use engine::{FaultPolicy, Function, Kind, Output, Plugin, Pool};

use super::args::{Argument, PluginSpec};
use super::cargo;

/// Records as they are: functions of all types go with them.
pub(crate) type Records = Vec<u8>;

/// The functions of a run, in their order.
pub(crate) struct Chain {
    pub(crate) functions: Vec<Function<Records, Records>>,
    pub(crate) sink: Option<Function<Records, ()>>,
    /// The hash of each plugin's file, in the order of the functions.
    pub(crate) hashes: Vec<String>,
}

/// The component that a path stands for: a file, or what is built from a plugin crate's folder.
pub(crate) fn component(path: &Path, quiet: bool) -> anyhow::Result<PathBuf> {
    if path.is_dir() { Ok(cargo::build(path, quiet)?.wasm) } else { Ok(path.to_owned()) }
}

impl Chain {
    /// Loads the plugins, binds the arguments, and opens each function once, so that all mistakes
    /// show before the first record.
    pub(crate) fn open(
        pool: &Pool,
        specs: &[PluginSpec],
        arguments: &[Argument],
        output: &Output,
        policy: &FaultPolicy,
    ) -> anyhow::Result<Self> {
        let mut links = Vec::new();
        let mut hashes = Vec::new();
        for spec in specs {
            let plugin = pool.load(component(&spec.path, true)?)?;
            hashes.push(plugin.hash().to_owned());
            links.push(Link::find(&plugin, spec)?);
        }
        for (index, argument) in arguments.iter().enumerate() {
            bind(&mut links, argument)?;
            let Argument { plugin, name, .. } = argument;
            let twice = arguments[..index].iter().any(|other| other.plugin == *plugin && other.name == *name);
            ensure!(!twice, "--arg {name} is given twice");
        }
        let last = links.len().saturating_sub(1);
        let (mut functions, mut sink) = (Vec::new(), None);
        for (index, link) in links.into_iter().enumerate() {
            match link {
                Link::Function(function) => {
                    let function = function.on_fault(policy);
                    function.prepare()?;
                    functions.push(function);
                }
                Link::Sink(function) => {
                    let name = &function.signature().name;
                    ensure!(
                        index == last,
                        "{name} is a sink: it must be the last --plugin, and the only sink"
                    );
                    let function = function.stdout(output).on_fault(policy);
                    function.prepare()?;
                    sink = Some(function);
                }
            }
        }
        Ok(Self { functions, sink, hashes })
    }
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
            Some(Kind::Accumulate) => bail!("{name} accumulates, which `engine run` can't do yet"),
            _ => Ok(Self::Function(plugin.function(&name)?)),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Function(function) => &function.signature().name,
            Self::Sink(function) => &function.signature().name,
        }
    }

    fn has_parameter(&self, name: &str) -> bool {
        let signature = match self {
            Self::Function(function) => function.signature(),
            Self::Sink(function) => function.signature(),
        };
        signature.parameters.iter().any(|parameter| parameter.name == name)
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
            let names: Vec<_> = several.iter().map(|signature| signature.name.as_str()).collect();
            bail!(
                "{path} has several functions: write {path}:{first} for one of {names}",
                path = path.display(),
                first = names[0],
                names = names.join(", ")
            )
        }
    }
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
