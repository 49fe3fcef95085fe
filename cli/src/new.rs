//! `engine new`: creates a plugin crate.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::ValueEnum;
use include_dir::{Dir, include_dir};

use super::exit::{Ending, tell};

/// The guest SDK, which each new crate gets a copy of: it builds wherever it is taken.
///
/// `cli/sdk` consists of links to it, so that it is part of the published package. Cargo would leave out a folder with
/// a `Cargo.toml`: its name ends in `.in` there.
static SDK: Dir = include_dir!("$CARGO_MANIFEST_DIR/sdk");

const MANIFEST: &str = include_str!("../templates/Cargo.toml.in");

/// Create a plugin crate, with a function and its test
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  engine new inc
  engine new --template filter only-get
  (cd inc && cargo test) && engine build inc")]
pub(crate) struct NewCommand {
    /// The new folder; its name is the crate's name
    folder: PathBuf,
    /// The kind of function in it
    #[arg(short, long, value_enum, default_value = "map")]
    template: Template,
}

#[derive(Clone, Copy, ValueEnum)]
enum Template {
    /// One result for each record
    Map,
    /// Keeps or drops each record
    Filter,
    /// Any number of results for each record
    FlatMap,
    /// Keeps a state from record to record
    Accumulate,
    /// The end of a stream: returns nothing
    Sink,
}

impl Template {
    fn source(self) -> &'static str {
        match self {
            Self::Map => include_str!("../templates/map.rs"),
            Self::Filter => include_str!("../templates/filter.rs"),
            Self::FlatMap => include_str!("../templates/flat-map.rs"),
            Self::Accumulate => include_str!("../templates/accumulate.rs"),
            Self::Sink => include_str!("../templates/sink.rs"),
        }
    }
}

impl NewCommand {
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        let folder = &self.folder;
        let failed = || format!("can't create {}", folder.display());
        // One that is there is named after where it is: `.` has no name of its own.
        let there =
            if folder.exists() { folder.canonicalize().with_context(failed)? } else { folder.clone() };
        let name = there.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        check_name(name)?;
        if folder.exists() {
            let is_empty = fs::read_dir(folder).with_context(failed)?.next().is_none();
            ensure!(is_empty, "{} is not empty: name a folder that is, or a new one", folder.display());
        }
        let parent = there.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.make(parent, name).with_context(failed)?;
        let shown = folder.display();
        tell(format_args!("created {shown}: the function is in {shown}/src/lib.rs"));
        tell(format_args!(
            "test it there with `cargo test`, and build {name}.wasm with `engine build {shown}`"
        ));
        Ok(Ending::Done)
    }

    /// Makes the crate beside its place, or in it if it is there, and moves it when it is whole.
    fn make(&self, parent: &Path, name: &str) -> std::io::Result<()> {
        let folder = &self.folder;
        fs::create_dir_all(parent)?;
        let is_there = folder.exists();
        let beside = if is_there { folder } else { parent };
        let draft = tempfile::Builder::new().prefix(".engine-new-").tempdir_in(beside)?;
        self.write(draft.path(), name)?;
        if !is_there {
            fs::rename(draft.keep(), folder)?;
            return make_visible(folder);
        }
        // It may be the current folder of other programs, which is not to be replaced.
        for entry in fs::read_dir(draft.path())? {
            let entry = entry?;
            fs::rename(entry.path(), folder.join(entry.file_name()))?;
        }
        Ok(())
    }

    fn write(&self, folder: &Path, name: &str) -> std::io::Result<()> {
        let function = name.replace('-', "_");
        let fill = |text: &str| text.replace("NAME", name).replace("FUNCTION", &function);
        fs::create_dir(folder.join("src"))?;
        fs::write(folder.join("Cargo.toml"), fill(MANIFEST))?;
        fs::write(folder.join("src/lib.rs"), fill(self.template.source()))?;
        fs::write(folder.join(".gitignore"), "/target\n/*.wasm\n")?;
        copy(&SDK, &folder.join("engine-sdk"))
    }
}

/// Copies a folder that the binary carries.
fn copy(from: &Dir, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for file in from.files() {
        let name = file.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        fs::write(to.join(name.strip_suffix(".in").unwrap_or(name)), file.contents())?;
    }
    for folder in from.dirs() {
        copy(folder, &to.join(folder.path().file_name().unwrap_or_default()))?;
    }
    Ok(())
}

/// Temporary folders are for their user alone; a crate is like any other folder.
#[cfg(unix)]
fn make_visible(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let likewise = folder.join("src").metadata()?.permissions().mode();
    fs::set_permissions(folder, fs::Permissions::from_mode(likewise))
}

#[cfg(not(unix))]
fn make_visible(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Words that can't name a function, or that name crates of Rust's own.
const RESERVED: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

fn check_name(name: &str) -> anyhow::Result<()> {
    let words = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
    ensure!(words, "{name:?} can't name a crate: use lower-case letters, digits and -, a letter first");
    ensure!(
        !RESERVED.contains(&&*name.replace('-', "_")),
        "{name} can't name a crate: Rust reserves the word"
    );
    ensure!(
        !name.replace('_', "-").starts_with("engine-sdk"),
        "{name} can't name a crate: the crate uses the SDK of that name, so choose another"
    );
    Ok(())
}
