//! What the nodes of a pipeline have in common while the graph is built: the pool, plugins, policies, files.

use std::io::{IsTerminal, stdin, stdout};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::access::{Access, Use, program};
use super::dead_letters::{Letters, Places};
use super::diagnostic::Problem;
use super::faults::FaultOptions;
use super::file_conflicts::{FileConflicts, is_one_file};
use super::flow::{Bytes, Guard};
use super::outputs::Opening;
use super::plugin_option::PluginOption;
use crate::graph::Readers;
use crate::{Capability, FaultPolicy, Function, Output, Plugin, Pool, Usage, files};

/// Finds the component that a plugin's path stands for.
pub(crate) type FindComponent<'a> = &'a dyn Fn(&Path) -> Result<PathBuf, String>;

/// Who is told the name of a source, and where it listens.
pub(crate) type OnListen = Arc<dyn Fn(&str, SocketAddr) + Send + Sync>;

pub(crate) struct BuildContext<'a> {
    pub(crate) pool: Pool,
    /// Where relative paths begin.
    folder: PathBuf,
    find_component: FindComponent<'a>,
    pub(crate) plugins: IndexMap<PathBuf, Plugin>,
    /// By the names of their nodes.
    pub(crate) functions: Vec<(String, Called)>,
    /// What holds for nodes that don't say otherwise.
    faults: FaultOptions,
    /// Nodes that say nothing count their faults together.
    shared: Option<Guard>,
    /// Each that leaves records out.
    pub(crate) skipping: Vec<FaultPolicy>,
    /// Where records are put aside.
    pub(crate) letters: Vec<Letters>,
    /// The node at hand.
    pub(crate) guard: Guard,
    /// What it said that it uses.
    pub(crate) access: Access,
    /// Files that are read and written.
    pub(crate) conflicts: FileConflicts,
    /// Who is told where a source listens.
    pub(crate) on_listen: OnListen,
    /// Files that are opened once all is found right.
    pub(crate) openings: Vec<Opening>,
    /// What goes to stdout, if anything does.
    pub(crate) stdout: Option<Output>,
    /// Where records stood, for dead letters.
    pub(crate) places: Places,
    /// Sinks, which go on without those whose readers are gone.
    pub(crate) readers: Arc<Readers>,
    /// Whether a source reads stdin.
    stdin: bool,
    /// Whether something is drawn on the terminal.
    pub(crate) on_terminal: bool,
    /// Whom the node at hand takes from, and the literals among them.
    taken_from: Vec<String>,
    literals: Vec<(usize, Bytes)>,
}

/// A function that a node calls.
pub(crate) enum Called {
    Function(Function<Bytes, Bytes>),
    Sink(Function<Bytes, ()>),
}

impl Called {
    pub(crate) fn usage(&self) -> Usage {
        match self {
            Self::Function(function) => function.usage(),
            Self::Sink(function) => function.usage(),
        }
    }
}

impl<'a> BuildContext<'a> {
    pub(crate) fn new(
        pool: Pool,
        folder: &Path,
        find_component: FindComponent<'a>,
        on_listen: OnListen,
        faults: FaultOptions,
    ) -> Self {
        Self {
            pool,
            folder: folder.to_owned(),
            find_component,
            on_listen,
            plugins: IndexMap::new(),
            functions: Vec::new(),
            faults,
            shared: None,
            skipping: Vec::new(),
            letters: Vec::new(),
            guard: Guard::stopping(""),
            access: Access::default(),
            conflicts: FileConflicts::default(),
            openings: Vec::new(),
            stdout: None,
            places: Places::default(),
            readers: Arc::default(),
            stdin: false,
            on_terminal: false,
            taken_from: Vec::new(),
            literals: Vec::new(),
        }
    }

    /// The next node is this one, with its own options about faults.
    pub(crate) fn begin(
        &mut self,
        name: &str,
        own: &FaultOptions,
        taken_from: Vec<String>,
        literals: Vec<(usize, Bytes)>,
    ) -> Result<(), Problem> {
        self.guard = Guard::stopping(name);
        (self.taken_from, self.literals) = (taken_from, literals);
        if own.is_empty() {
            if self.shared.is_none() {
                let policy = self.faults.clone().policy(|path| self.letters(path))?;
                self.skipping.extend(policy.skips().then(|| policy.clone()));
                self.shared = Some(Guard { policy, ..self.guard.clone() });
            }
            if let Some(shared) = &self.shared {
                self.guard.policy = shared.policy.clone();
            }
        } else {
            let policy = own.or(&self.faults).policy(|path| self.letters(path))?;
            self.skipping.extend(policy.skips().then(|| policy.clone()));
            self.guard.policy = policy;
        }
        Ok(())
    }

    /// The node at hand says what it uses.
    pub(crate) fn says(&mut self, say: impl FnOnce(&mut Access)) {
        self.access = Access::beneath(self.folder.clone());
        say(&mut self.access);
    }

    /// A path of the file, as this process sees it.
    fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// A folder that is read.
    pub(crate) fn reads_folder(&self, path: &Path) -> Result<PathBuf, Problem> {
        let path = self.path(path);
        self.access.check(&Use::Reads(path.clone()))?;
        if path.is_dir() {
            return Ok(path);
        }
        Err(Problem::at("path", format!("there is no folder {}", path.display())))
    }

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

    /// Tells where the node at hand listens.
    pub(crate) fn listens(&self) -> impl FnOnce(Option<SocketAddr>) + Send + use<> {
        let (told, name) = (self.on_listen.clone(), self.guard.name.clone());
        move |address| {
            if let Some(address) = address {
                told(&name, address);
            }
        }
    }

    /// A command that is started, and the folder that it runs in, if it is another one than this process's.
    pub(crate) fn starts(
        &self,
        command: Vec<String>,
        folder: Option<&Path>,
    ) -> Result<(Vec<String>, Option<PathBuf>), Problem> {
        let program = program(&command, folder, &self.folder);
        self.access.check(&Use::Starts(program.clone()))?;
        find_program(&command)?;
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
        self.conflicts.read(&path, key)?;
        Ok(path)
    }

    /// The file that records are put aside in, which several nodes may share.
    fn letters(&mut self, path: &Path) -> Result<Letters, Problem> {
        let path = self.path(path);
        // Another way to write it is the same file.
        if let Some(letters) = self.letters.iter().find(|letters| is_one_file(&letters.path, &path)) {
            return Ok(letters.clone());
        }
        self.conflicts.write(&path, false, "on_fault")?;
        let letters = Letters::new(path, self.places.clone());
        self.letters.push(letters.clone());
        Ok(letters)
    }

    /// A file that a node writes by itself, which is made or emptied once all is found right.
    pub(crate) fn writes(&mut self, path: &Path, append: bool, rotates: bool) -> Result<PathBuf, Problem> {
        let path = self.path(path);
        self.access.check(&if rotates { Use::Rotates(path.clone()) } else { Use::Writes(path.clone()) })?;
        self.conflicts.write(&path, rotates, "path")?;
        self.openings.push(Opening::new(&path, append));
        Ok(path)
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
        self.conflicts.read(&component, "plugin")?;
        let plugin = match hash {
            Some(hash) => self.pool.load_pinned(component, hash),
            None => self.pool.load(component),
        };
        plugin.map_err(|error| Problem::of(&error))
    }

    /// The node at hand calls a function.
    pub(crate) fn calls(&mut self, function: Called) {
        self.functions.push((self.guard.name.to_string(), function));
    }

    /// The names of those that the node at hand takes from, in their order.
    pub(crate) fn taken_from(&self) -> Vec<String> {
        self.taken_from.clone()
    }

    /// The values that stand among them, with their places in the whole.
    pub(crate) fn literals(&self) -> Vec<(usize, Bytes)> {
        self.literals.clone()
    }

    /// This process's stdout, which nodes share.
    pub(crate) fn stdout(&mut self) -> Result<Output, Problem> {
        if let Some(stdout) = &self.stdout {
            return Ok(stdout.clone());
        }
        if self.on_terminal && stdout().is_terminal() {
            return Err(Problem::new("its records would go to the terminal, on which the run is drawn")
                .help("send stdout to a file or a pipe, or use a sink of type \"file\""));
        }
        if cfg!(unix) {
            // It may be a file that somebody reads.
            self.conflicts.write_stream(Path::new("/dev/stdout"), "type")?;
        }
        Ok(self.stdout.insert(Output::stdout()).clone())
    }

    /// A node reads stdin: only one can.
    pub(crate) fn take_stdin(&mut self) -> Result<(), Problem> {
        match std::mem::replace(&mut self.stdin, true) {
            true => Err(Problem::new("another source reads stdin too").help("remove one of them")),
            false if self.on_terminal && stdin().is_terminal() => {
                let problem =
                    Problem::new("its records would come from the terminal, on which the run is drawn");
                Err(problem.help("let stdin be a file or a pipe, or use a source of type \"files\""))
            }
            // It may be a file that somebody writes.
            false if cfg!(unix) => self.conflicts.read(Path::new("/dev/stdin"), "type"),
            false => Ok(()),
        }
    }
}

impl Guard {
    fn stopping(name: &str) -> Self {
        Self { name: Arc::from(name), policy: FaultPolicy::stop() }
    }
}

/// Looks for the program of a command.
fn find_program(command: &[String]) -> Result<(), Problem> {
    let Some(program) = command.first() else {
        let problem = Problem::at("command", "there is no program");
        return Err(problem.help("write [\"PROGRAM\", \"ARGUMENT\"]"));
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if found || program.contains('/') {
        return Ok(());
    }
    Err(Problem::at("command", format!("there is no program {program}")).help("write its path, or mend PATH"))
}

fn unreadable(path: &Path, key: &str, error: &std::io::Error) -> Problem {
    Problem::at(key, format!("can't read {}: {error}", path.display()))
}
