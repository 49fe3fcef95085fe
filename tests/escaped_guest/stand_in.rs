//! The stand-in for a function that broke out of its sandbox: what it is told, and what it does.

use std::path::PathBuf;

use engine::wall::Rules;
use serde::{Deserialize, Serialize};

use super::attacks;
use super::work::WORK;

/// The variable that makes this program the stand-in, with its role as JSON.
pub(super) const ROLE: &str = "ENGINE_TEST_ESCAPED_GUEST";

/// The targets of the stand-in.
#[derive(Serialize, Deserialize)]
pub(super) struct Role {
    /// The rules of a run; none to try without a wall.
    pub(super) rules: Option<Rules>,
    /// A folder that functions may write.
    pub(super) granted: PathBuf,
    /// A file elsewhere.
    pub(super) secret: PathBuf,
    /// A file elsewhere that is passed as a descriptor.
    pub(super) passed: PathBuf,
    /// The folder of compiled code.
    pub(super) compiled: PathBuf,
    /// The component that runs.
    pub(super) plugin: PathBuf,
    /// A listener of this machine.
    pub(super) tcp: String,
    /// The same, without a network.
    pub(super) socket: PathBuf,
    /// The same, for datagrams.
    pub(super) datagrams: PathBuf,
    /// Another process of the same user.
    pub(super) victim: i32,
}

/// Whether something succeeded.
pub(super) type Try = fn(&Role) -> bool;

/// Attacks. Prints the names of the attacks that succeeded, a line each.
pub(super) fn act(role: &Role) {
    if let Some(rules) = &role.rules {
        let raised = engine::wall::raise(rules).expect("the wall can be raised");
        assert!(raised.missing.is_empty(), "this kernel lacks {:?}", raised.missing);
    } else {
        assert_eq!(engine::plugin::compile_cache().as_ref(), Some(&role.compiled));
    }
    for (name, work) in WORK {
        assert!(work(role), "behind the wall a run can't {name}");
    }
    for (name, control) in attacks::launcher::CONTROLS {
        assert!(role.rules.is_none() || control(role), "the launcher does not {name}");
    }
    attacks::all().filter(|(_, attack)| attack(role)).for_each(|(name, _)| println!("{name}"));
}
