//! Functions of plugins in a pipeline file: the plugin, the function, its arguments, limits and grants.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::access::Access;
use super::build_context::BuildContext;
use super::diagnostic::Problem;
use super::flow::Bytes;
use super::options::{Argument, Key, OneOrMore, Size, Time};
use super::plugin_option::PluginOption;
use crate::executor::Returns;
use crate::{Capability, Function, Plugin};

macro_rules! options {
    ($(#[$docs:meta])* $name:ident { $($extra:tt)* }) => {
        $(#[$docs])*
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        pub(crate) struct $name {
            /// The plugin: a .wasm file, or a plugin crate's folder, which is built if it changed.
            ///
            /// { path = …, blake3 = … } takes it only if its file has that hash.
            $($extra)*
            /// Which of its functions; not needed if it has just one.
            function: Option<String>,
            /// The function's arguments.
            #[serde(default)]
            #[schemars(with = "std::collections::HashMap<String, Argument>")]
            args: IndexMap<String, Argument>,
            /// What it may have of what it says it needs: dir:PATH, dir:PATH:ro, dir:PATH:quota=SIZE,
            /// net:HOST:PORT, env:NAME, clock, random.
            #[serde(default)]
            allow: OneOrMore<String>,
            /// Time for one record at most.
            timeout: Option<Time>,
            /// Memory of one instance at most.
            memory: Option<Size>,
            /// Outputs of one record at most.
            output_size: Option<Size>,
        }
    };
}

options! {
    /// Options of nodes that call a function of a plugin.
    Call { plugin: PluginOption, }
}

options! {
    /// Options of nodes that may call one.
    PerhapsCall { plugin: Option<PluginOption>, }
}

options! {
    /// Options of nodes that call one which keeps a state.
    KeyedCall {
        plugin: PluginOption,
        /// A state for each value of this part of the records; one for all by default.
        key: Option<Key>,
    }
}

impl KeyedCall {
    /// The plugin, and what it may have.
    pub(crate) fn access(&self, access: &mut Access) {
        access.loads(&self.plugin, self.allow.as_slice());
    }

    /// The call, and the key.
    pub(crate) fn parts(self) -> (Call, Option<Key>) {
        let Self { plugin, key, function, args, allow, timeout, memory, output_size } = self;
        (Call { plugin, function, args, allow, timeout, memory, output_size }, key)
    }
}

impl PerhapsCall {
    /// The plugin, if there is one, and what it may have.
    pub(crate) fn access(&self, access: &mut Access) {
        self.plugin.iter().for_each(|plugin| access.loads(plugin, self.allow.as_slice()));
    }

    /// The call, if there is a plugin.
    pub(crate) fn given(self) -> Result<Option<Call>, Problem> {
        let Self { plugin, function, args, allow, timeout, memory, output_size } = self;
        if let Some(plugin) = plugin {
            return Ok(Some(Call { plugin, function, args, allow, timeout, memory, output_size }));
        }
        let options = [
            ("function", function.is_some()),
            ("args", !args.is_empty()),
            ("allow", !allow.as_slice().is_empty()),
            ("timeout", timeout.is_some()),
            ("memory", memory.is_some()),
            ("output_size", output_size.is_some()),
        ];
        match options.into_iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(Problem::at(key, format!("there is no plugin that {key} could be for"))),
            None => Ok(None),
        }
    }
}

impl Call {
    /// The plugin, and what it may have.
    pub(crate) fn access(&self, access: &mut Access) {
        access.loads(&self.plugin, self.allow.as_slice());
    }

    /// The function, opened once, so that wrong arguments show before the first record.
    pub(crate) fn function<O: Returns>(
        &self,
        context: &mut BuildContext,
    ) -> Result<Function<Bytes, O>, Problem> {
        let plugin = context.plugin(&self.plugin)?;
        // What is wrong with a grant does not hide what is wrong with the function.
        let (plugin, refused) = self.granted(plugin, context);
        let found = match &self.function {
            Some(name) => plugin.function(name),
            None => plugin.only_function(),
        };
        let mut problems: Vec<_> = refused.into_iter().collect();
        let mut function = found.map_err(|error| problems.push(Problem::of(&error))).ok();
        for (name, value) in &self.args {
            match function.as_ref().map(|function| function.with(name, &value.0)) {
                Some(Ok(given)) => function = Some(given),
                Some(Err(error)) => problems.push(Problem::of(&error)),
                None => {}
            }
        }
        Problem::collect(problems.into_iter().map(Err::<(), _>))?;
        let Some(mut function) = function else { return Err(Problem::new("it calls no function")) };
        if let Some(Time(timeout)) = self.timeout {
            function = function.timeout(timeout);
        }
        if let Some(Size(bytes)) = self.memory {
            function = function.memory(bytes);
        }
        if let Some(Size(bytes)) = self.output_size {
            function = function.output(bytes);
        }
        let function = function.on_fault(&context.guard.policy);
        function.blocking_prepare().map_err(|error| Problem::of(&error))?;
        Ok(function)
    }

    /// The plugin with what it is granted, and what is wrong with that.
    fn granted(&self, mut plugin: Plugin, context: &BuildContext) -> (Plugin, Option<Problem>) {
        let allowed = self.allow.as_slice().iter().enumerate();
        let capabilities = Problem::collect(allowed.map(|(index, text)| {
            let capability = self.capability(text, &plugin, context);
            capability.map_err(|problem| problem.about(&["allow", &index.to_string()]))
        }));
        match capabilities {
            Ok(capabilities) => {
                for capability in capabilities {
                    plugin = plugin.grant(capability);
                }
                (plugin, None)
            }
            Err(problem) => (plugin, Some(problem)),
        }
    }

    fn capability(&self, text: &str, plugin: &Plugin, context: &BuildContext) -> Result<Capability, Problem> {
        let capability: Capability = text
            .parse()
            .map_err(|help: String| Problem::new(format!("{text:?} is no capability")).help(help))?;
        let capability = context.grants(capability)?;
        let functions = plugin.signatures().iter();
        let mut needs = functions
            .filter(|function| self.function.as_ref().is_none_or(|name| *name == function.name))
            .flat_map(|function| &function.capabilities);
        if needs.any(|need| capability.meets(need)) {
            return Ok(capability);
        }
        let problem = Problem::new(format!("no function says that it needs {capability}"));
        Err(problem.help("remove it: it would have no effect"))
    }
}
