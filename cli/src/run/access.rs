//! What a run has access to outside of its process: for the wall.

use std::path::{Path, PathBuf};

use engine::pipeline::{Access, PipelineFile};
use engine::plugin::{Ahead, Compiler};
use engine::wall::Rules;

use super::RunCommand;
use super::watching::WatchArgs;
use crate::limits::compiler;
use crate::plugins::{Components, Crates, found};
use crate::wall;

/// What the flags name. Plugins are compiled now, since they can't be behind the wall.
pub(super) fn rules(run: &RunCommand, components: &[PathBuf], ahead: &Ahead) -> anyhow::Result<Rules> {
    let mut rules = common(run)?;
    let components: Vec<_> = components.iter().map(|component| (component.clone(), None)).collect();
    let ahead = (!run.wall.is_shown()).then_some(ahead);
    load(&mut rules, &components, ahead, &run.limits.compiler()?, run.limits.plugin_size());
    let files = run.input.iter().filter(|path| *path != Path::new("-"));
    files.for_each(|path| rules.read(path));
    run.output.iter().for_each(|path| rules.create(path));
    run.faults.file().into_iter().for_each(|path| rules.create(path));
    run.checkpoint.file().into_iter().for_each(|path| rules.replace(path));
    run.allow.iter().for_each(|allowed| rules.grant(&allowed.capability));
    Ok(rules)
}

/// What a pipeline's file names. Its crates are built now, and its plugins compiled.
pub(super) fn of_pipeline(
    run: &RunCommand,
    file: &PipelineFile,
    components: &Components,
    ahead: &Ahead,
) -> anyhow::Result<Rules> {
    let mut rules = common(run)?;
    let access = Access::of(file);
    run.checkpoint.file().into_iter().for_each(|path| rules.replace(path));
    let size = access.plugin_size.unwrap_or(wall::PLUGIN_SIZE);
    // What can't be built is reported with the other mistakes of the file.
    let find = |path: &Path| match run.wall.is_shown() {
        true => found(path, Crates::BuiltBefore).ok(),
        false => components.find(path).ok(),
    };
    let found = access.plugins.into_iter().filter_map(|(path, pin)| Some((find(&path)?, pin)));
    let ahead = (!run.wall.is_shown()).then_some(ahead);
    load(&mut rules, &found.collect::<Vec<_>>(), ahead, &compiler()?, size);
    rules.extend(access.rules);
    Ok(rules)
}

/// Components are compiled `ahead`, unless nothing is to be run.
fn load(
    rules: &mut Rules,
    components: &[(PathBuf, Option<String>)],
    ahead: Option<&Ahead>,
    compiler: &Compiler,
    size: u64,
) {
    for (component, pin) in components {
        rules.read(component);
        ahead.into_iter().for_each(|ahead| ahead.compile(component, pin.as_deref(), compiler, size));
    }
    // Compiled plugins are read from there but not written: code written there would run in other processes.
    engine::plugin::compile_cache().into_iter().for_each(|folder| rules.read(folder));
}

/// What is reached whatever is run.
fn common(run: &RunCommand) -> anyhow::Result<Rules> {
    let mut rules = Rules::new();
    watch(&mut rules, &run.watch)?;
    #[cfg(feature = "cluster")]
    run.cluster.reach(&mut rules);
    Ok(rules)
}

fn watch(rules: &mut Rules, watch: &WatchArgs) -> anyhow::Result<()> {
    watch.file().into_iter().for_each(|path| rules.replace(path));
    if watch.draws() {
        wall::terminal(rules);
    }
    watch.port()?.into_iter().for_each(|port| rules.listen(port));
    #[cfg(feature = "otlp")]
    watch.collector().into_iter().for_each(|collector| rules.connect_url(&collector.to_string()));
    Ok(())
}
