//! Test plugins, and their functions.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use engine::{Function, Pool, Record};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("cli/ is in the repository").to_owned()
}

/// Where the plugins of a workspace were built, after building them once.
fn built(workspace: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(workspace.replace('/', "-"));
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--workspace", "--target", "wasm32-wasip2", "--target-dir"])
        .arg(&target)
        .current_dir(root().join(workspace))
        .env_remove("RUSTFLAGS")
        .status();
    assert!(
        status.expect("cargo runs").success(),
        "{workspace} does not build: rustup target add wasm32-wasip2"
    );
    target.join("wasm32-wasip2").join("release")
}

/// The component of an example plugin.
pub(crate) fn plugin(name: &str) -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| built("plugins"));
    BUILT.join(name.replace('-', "_")).with_extension("wasm")
}

/// The component of a plugin that misbehaves.
pub(crate) fn hostile(name: &str) -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| built("plugins/hostile"));
    BUILT.join(name.replace('-', "_")).with_extension("wasm")
}

/// `FILE:FUNCTION`, for the command line.
pub(crate) fn function_of(plugin: &Path, function: &str) -> String {
    format!("{}:{function}", plugin.display())
}

/// The function of a plugin that has just one.
pub(crate) fn only<I: Record, O: Record>(pool: &Pool, name: &str) -> Function<I, O> {
    pool.blocking_load(plugin(name)).expect("it loads").only_function().expect("it has one function")
}

/// A function of the plugin that misbehaves in many ways.
pub(crate) fn misbehaving<I: Record, O: Record>(pool: &Pool, name: &str) -> Function<I, O> {
    pool.blocking_load(hostile("misdeeds")).expect("it loads").function(name).expect("it has the function")
}
