//! From a file to a plugin whose functions are known.

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::{Error, NotAPlugin};
use crate::error::{FileError, LoadError};
use crate::error::{FunctionError, SystemError};
use crate::files;
use crate::function::Limits;
use crate::function::Signature;
use crate::plugin::calls::instance::{OpenError, describe};
use crate::plugin::contract::StreamPluginPre;
use crate::plugin::hosting::Hosting;
use crate::plugin::loaded::{Compilation, Loaded};
use crate::plugin::loading::ahead::{Ahead, Ready};
use crate::plugin::loading::cache::{self, Code, Entry};
use crate::plugin::loading::compiler::{self, Compiler};
use crate::plugin::loading::{marker, reach};
use crate::plugin::output::{Messages, OnPrint};
use crate::text::is_plain;
use crate::threads;

/// The interface that a plugin must export.
const CONTRACT: &str = "engine:plugin/stages@0.2.0";

/// Loads plugins for a pool.
pub(crate) struct Loader {
    /// The most bytes that a plugin's file may have.
    pub(crate) plugin_size: u64,
    /// The program that compiles; this process, if none.
    pub(crate) compiler: Option<Compiler>,
    /// What was compiled before there was a pool.
    pub(crate) ahead: Ahead,
}

impl Loader {
    /// Reads, compiles and asks the plugin at `path`, if it has the hash that it is pinned to.
    pub(crate) async fn load(
        &self,
        path: &Path,
        pin: Option<&str>,
        hosting: &Hosting,
        limits: Limits,
        on_print: OnPrint,
    ) -> Result<Loaded, Error> {
        let not_a_plugin = |problem| Error::Load(LoadError::NotAPlugin { path: path.to_owned(), problem });
        let Ready { size, hash, undeclared, compiled } = match self.ahead.take(path) {
            Some(ready) => ready,
            None => self.read_and_compile(path, pin, &hosting.runtime.engine)?,
        };
        let hash = hash.to_hex().to_string();
        pin.map_or(Ok(()), |pin| check_hash(path, &hash, pin))?;
        let compiled = compiled.map_err(not_a_plugin)?;
        let engine = &hosting.runtime.engine;
        let component = cache::load(engine, &compiled.code).map_err(|error| not_a_plugin(damaged(&error)))?;
        let compilation = compiled.compilation;
        drop(compiled);
        check_exports(hosting, &component).map_err(not_a_plugin)?;
        let misfit = |error: wasmtime::Error| not_a_plugin(NotAPlugin::Misfit { reason: first_line(&error) });
        let pre = hosting.runtime.linker.instantiate_pre(&component).map_err(misfit)?;
        let pre = StreamPluginPre::new(pre).map_err(misfit)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let messages = Messages::new(&name, on_print, limits.messages);
        let signatures =
            describe(&pre, undeclared, hosting, limits, messages).await.map_err(|error| match error {
                OpenError::Fault(cause) => Error::Load(LoadError::Describe { path: path.to_owned(), cause }),
                OpenError::NoRoom { limit } => {
                    Error::Function(FunctionError::NoRoom { function: name.clone().into_owned(), limit })
                }
                OpenError::Exhausted(reason) | OpenError::Refused(reason) => {
                    Error::System(SystemError::Sandbox { reason })
                }
            })?;
        let mut signatures: Vec<Signature> = signatures.into_iter().map(Signature::from).collect();
        signatures.sort_by(|one, other| one.name.cmp(&other.name));
        check_names(&signatures).map_err(not_a_plugin)?;
        let imports = component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect();
        let reach = reach::reach(&component, engine);
        let (path, size_limit) = (path.to_owned(), self.plugin_size);
        Ok(Loaded { path, pre, signatures, imports, reach, undeclared, size, size_limit, hash, compilation })
    }

    /// Reads a plugin, if it has the hash that it is pinned to, and compiles it.
    fn read_and_compile(&self, path: &Path, pin: Option<&str>, engine: &Engine) -> Result<Ready, Error> {
        let not_a_plugin = |problem| Error::Load(LoadError::NotAPlugin { path: path.to_owned(), problem });
        let wasm = Wasm::read(path, self.plugin_size)?;
        pin.map_or(Ok(()), |pin| check_hash(path, &wasm.hash.to_hex(), pin))?;
        wasm.recognize().map_err(not_a_plugin)?;
        let compiled = compile_by(engine, self.compiler.as_ref(), &wasm).map(Arc::new);
        Ok(wasm.ready(compiled))
    }
}

/// What a plugin's file has.
pub(in crate::plugin) struct Wasm {
    pub(in crate::plugin) bytes: Vec<u8>,
    pub(in crate::plugin) hash: blake3::Hash,
}

impl Wasm {
    /// Reads a file of at most `limit` bytes.
    pub(in crate::plugin) fn read(path: &Path, limit: u64) -> Result<Self, Error> {
        let bytes = read(path, limit)?;
        Ok(Self { hash: blake3::hash(&bytes), bytes })
    }

    /// What is known of it, with its `compiled` code.
    pub(in crate::plugin) fn ready(&self, compiled: Result<Arc<Compiled>, NotAPlugin>) -> Ready {
        let undeclared = marker::undeclared(&self.bytes);
        Ready { size: self.bytes.len() as u64, hash: self.hash, undeclared, compiled }
    }

    /// Tells a component from what is not even meant to be one, by its first bytes.
    pub(in crate::plugin) fn recognize(&self) -> Result<(), NotAPlugin> {
        match *self.bytes {
            [] => Err(NotAPlugin::Empty),
            [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(NotAPlugin::CoreModule),
            [0, b'a', b's', b'm', ..] => Ok(()),
            _ => Err(NotAPlugin::NotWasm),
        }
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::File(FileError::Read { path: path.to_owned(), source: Arc::new(source) });
    let file = files::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let problem = match metadata.len() {
        _ if !metadata.is_file() => Some(NotAPlugin::NotAFile),
        size if size > limit => Some(NotAPlugin::TooLarge { size, limit }),
        _ => None,
    };
    if let Some(problem) = problem {
        return Err(Error::Load(LoadError::NotAPlugin { path: path.to_owned(), problem }));
    }
    let mut wasm = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.take(limit.saturating_add(1)).read_to_end(&mut wasm).map_err(failed)?;
    // It grew meanwhile.
    let (size, problem) =
        (wasm.len() as u64, |problem| Error::Load(LoadError::NotAPlugin { path: path.to_owned(), problem }));
    if size > limit { Err(problem(NotAPlugin::TooLarge { size, limit })) } else { Ok(wasm) }
}

/// Checks that a plugin's hash is the one that it is pinned to.
pub(crate) fn check_hash(path: &Path, hash: &str, pin: &str) -> Result<(), Error> {
    if hash.eq_ignore_ascii_case(pin) {
        return Ok(());
    }
    Err(Error::Load(LoadError::WrongHash {
        path: path.to_owned(),
        hash: hash.to_owned(),
        pin: pin.to_owned(),
    }))
}

/// A plugin's code, and what it took to compile it unless its code was in the cache.
pub(in crate::plugin) struct Compiled {
    pub(in crate::plugin) code: Code,
    pub(in crate::plugin) compilation: Option<Compilation>,
    /// It is in the cache.
    pub(in crate::plugin) is_kept: bool,
}

/// The code of a plugin: from the cache, or made by a compiler, by this process if there is none.
pub(in crate::plugin) fn compile_by(
    engine: &Engine,
    compiler: Option<&Compiler>,
    wasm: &Wasm,
) -> Result<Compiled, NotAPlugin> {
    let entry = Entry::new(engine, &wasm.hash);
    if let Some(code) = entry.as_ref().and_then(Entry::read) {
        return Ok(Compiled { code, compilation: None, is_kept: true });
    }
    let begun = Instant::now();
    let (code, compilation) = match compiler {
        Some(compiler) => {
            let compiler::Compiled { code, resident } = compiler.compile(&wasm.bytes)?;
            (code, compiler.compilation(begun.elapsed(), resident))
        }
        None => {
            // It would panic without them.
            threads::need(thread::available_parallelism().map_or(1, NonZeroUsize::get))
                .map_err(|error| NotAPlugin::NotCompiled { reason: error.to_string() })?;
            let code = engine.precompile_component(&wasm.bytes).map_err(|error| damaged(&error))?;
            let time = begun.elapsed();
            (code, Compilation { time, timeout: None, resident: None, memory_limit: None })
        }
    };
    let is_kept = compiler.is_some_and(Compiler::keeps) || entry.is_some_and(|entry| entry.write(&code));
    Ok(Compiled { code: Code::new(code), compilation: Some(compilation), is_kept })
}

fn damaged(error: &wasmtime::Error) -> NotAPlugin {
    NotAPlugin::Damaged { reason: last_line(error) }
}

fn check_exports(hosting: &Hosting, component: &Component) -> Result<(), NotAPlugin> {
    let kind = component.component_type();
    let exports: Vec<_> = kind.exports(&hosting.runtime.engine).map(|(name, _)| name.to_owned()).collect();
    if exports.iter().any(|name| name == CONTRACT) {
        return Ok(());
    }
    if exports.is_empty() {
        return Err(NotAPlugin::NoFunctions);
    }
    let near = exports.iter().find(|name| name.starts_with("engine:plugin/"));
    let found = match near {
        Some(name) => shortened(name),
        None => {
            let shown: Vec<_> = exports.iter().take(SHOWN).map(|name| shortened(name)).collect();
            let more = exports.len() - shown.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            shown.join(", ") + &more
        }
    };
    Err(NotAPlugin::OtherContract { found, wanted: CONTRACT })
}

/// Functions of a plugin, and parameters of each of them, at most.
const MOST_NAMES: usize = 1000;

/// Names of a list that are shown.
const SHOWN: usize = 5;

/// A name as far as it need be shown.
fn shortened(name: &str) -> String {
    name.chars().take(60).collect()
}

/// Checks the names in signatures, which are sorted by them.
fn check_names(signatures: &[Signature]) -> Result<(), NotAPlugin> {
    let parameters = signatures.iter().flat_map(|signature| &signature.parameters);
    let mut names =
        signatures.iter().map(|signature| &signature.name).chain(parameters.map(|known| &known.name));
    if let Some(name) = names.find(|name| !is_name(name)) {
        return Err(NotAPlugin::BadName { name: shortened(name) });
    }
    let most = signatures.iter().map(|signature| signature.parameters.len()).chain([signatures.len()]).max();
    if let Some(count) = most.filter(|count| *count > MOST_NAMES) {
        return Err(NotAPlugin::TooManyNames { count, limit: MOST_NAMES });
    }
    let twice = signatures.array_windows().find(|[one, other]| one.name == other.name);
    match twice {
        Some([one, _]) => Err(NotAPlugin::TwiceNamed { name: one.name.clone() }),
        None if signatures.is_empty() => Err(NotAPlugin::NoFunctions),
        None => Ok(()),
    }
}

/// Whether a guest's name can be typed and shown.
fn is_name(name: &str) -> bool {
    let first = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    first
        && name.len() <= 100
        && is_plain(name)
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// The outermost message of an error, on one line.
fn first_line(error: &wasmtime::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The innermost message of an error, on one line.
pub(in crate::plugin) fn last_line(error: &wasmtime::Error) -> String {
    error.root_cause().to_string().lines().next().unwrap_or_default().to_owned()
}
