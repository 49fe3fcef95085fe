//! What the nodes of a pipeline have in common while the graph is built: the pool, plugins, policies, files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::graph::Readers;
use crate::nodes::access::Access;
use crate::nodes::diagnostic::Problem;
use crate::nodes::faults::FaultOptions;
use crate::nodes::flow::{Bytes, Guard};
use crate::plugin::Output;
use crate::run::{DeadLetterFile, FileConflicts, FunctionUsage, InputPositions, OutputFile};
use crate::{FaultPolicy, Plugin, Pool};

/// Finds the component that a plugin's path stands for.
pub(crate) type FindComponent<'a> = &'a dyn Fn(&Path) -> Result<PathBuf, String>;

/// Called with the name of a source, and the address at which it listens.
pub(crate) type OnListen = Arc<dyn Fn(&str, SocketAddr) + Send + Sync>;

pub(crate) struct BuildContext<'a> {
    pub(crate) pool: Pool,
    /// Where relative paths begin.
    pub(super) folder: PathBuf,
    pub(super) find_component: FindComponent<'a>,
    pub(crate) plugins: IndexMap<PathBuf, Plugin>,
    /// By the names of their nodes.
    pub(crate) functions: Vec<(String, FunctionUsage)>,
    /// What holds for nodes that don't say otherwise.
    faults: FaultOptions,
    /// The policy of nodes without options about faults, which count them together: that of nodes whose faults end the
    /// run by default, and that of nodes that stay up.
    shared: [Option<FaultPolicy>; 2],
    /// Each that leaves records out.
    pub(crate) skipping: Vec<FaultPolicy>,
    /// Where records are put aside.
    pub(crate) dead_letters: Vec<DeadLetterFile>,
    /// The node at hand.
    pub(crate) guard: Guard,
    /// What it said that it uses.
    pub(crate) access: Access,
    /// Files that are read and written.
    pub(crate) conflicts: FileConflicts,
    /// Called when a source listens.
    pub(crate) on_listen: OnListen,
    /// Files that are opened once all is found right.
    pub(crate) outputs: Vec<OutputFile>,
    /// What goes to stdout, if anything does.
    pub(crate) stdout: Option<Output>,
    /// Where records stood, for dead letters.
    pub(crate) positions: InputPositions,
    /// Sinks, which go on without those whose readers are gone.
    pub(crate) readers: Arc<Readers>,
    /// Whether a source reads stdin.
    pub(super) stdin: bool,
    /// Whether something is drawn on the terminal.
    pub(crate) on_terminal: bool,
    /// The nodes that the node at hand takes from, and the literals among them.
    taken_from: Vec<String>,
    literals: Vec<(usize, Bytes)>,
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
            shared: [None, None],
            skipping: Vec::new(),
            dead_letters: Vec::new(),
            guard: Guard::stopping(""),
            access: Access::default(),
            conflicts: FileConflicts::default(),
            outputs: Vec::new(),
            stdout: None,
            positions: InputPositions::default(),
            readers: Arc::default(),
            stdin: false,
            on_terminal: false,
            taken_from: Vec::new(),
            literals: Vec::new(),
        }
    }

    /// Whether a run that put records aside succeeds.
    pub(crate) fn exits_zero(&self) -> bool {
        self.faults.exit_zero()
    }

    /// The next node is this one, with its own options about faults. If it `stays_up`, faults do not end the run unless
    /// an option says so.
    pub(crate) fn begin(
        &mut self,
        name: &str,
        own: &FaultOptions,
        stays_up: bool,
        taken_from: Vec<String>,
        literals: Vec<(usize, Bytes)>,
    ) -> Result<(), Problem> {
        self.guard = Guard::stopping(name);
        (self.taken_from, self.literals) = (taken_from, literals);
        if own.is_empty() {
            let known = self.shared[usize::from(stays_up)].clone();
            let policy = match known {
                Some(policy) => policy,
                None => {
                    let policy = self.faults.clone().policy(stays_up, |path| self.dead_letters(path))?;
                    self.skipping.extend(policy.skips().then(|| policy.clone()));
                    self.shared[usize::from(stays_up)].insert(policy).clone()
                }
            };
            self.guard.policy = policy.for_node(name);
        } else {
            let policy = own.or(&self.faults).policy(stays_up, |path| self.dead_letters(path))?;
            self.skipping.extend(policy.skips().then(|| policy.clone()));
            self.guard.policy = policy.for_node(name);
        }
        Ok(())
    }

    /// The node at hand says what it uses.
    pub(crate) fn says(&mut self, say: impl FnOnce(&mut Access)) {
        self.access = Access::beneath(self.folder.clone());
        say(&mut self.access);
    }

    /// A path of the file, as this process sees it.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The names of those that the node at hand takes from, in their order.
    pub(crate) fn taken_from(&self) -> Vec<String> {
        self.taken_from.clone()
    }

    /// The values that stand among them, with their positions in the whole.
    pub(crate) fn literals(&self) -> Vec<(usize, Bytes)> {
        self.literals.clone()
    }
}

impl Guard {
    fn stopping(name: &str) -> Self {
        Self { name: Arc::from(name), policy: FaultPolicy::stop() }
    }
}
