//! Rules of the house that neither the compiler nor clippy knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::checkout::Checkout;

/// Documents whose promises name the tests that guard them, beside the pages in `DESIGN`.
const GUARDED: [&str; 2] = ["ARCHITECTURE.md", "docs/security.md"];

/// The folder of pages on single mechanisms.
const DESIGN: &str = "docs/design";

/// Checks all Rust sources but those that show what does not compile, and that the tests that
/// documents name are there.
pub(crate) fn check(checkout: &Checkout) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    let read = |file: &Path| {
        let path = checkout.root.join(file);
        fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
    };
    let files = checkout.files()?;
    let documents = guarded(&files).map(|file| Ok((file, read(file)?)));
    let documents = documents.collect::<anyhow::Result<Vec<_>>>()?;
    let named = documents.iter().flat_map(|(file, text)| tests_named(text).map(move |test| (test, file)));
    let mut missing: BTreeMap<&str, _> = named.collect();
    for file in &files {
        let is_case = ["tests/ui", "sdk/tests/ui"].iter().any(|cases| file.starts_with(cases));
        if is_case || file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = read(file)?;
        missing.retain(|test, _| !text.contains(&format!("fn {test}(")));
        wrong.extend(broken(file, &text).map(|rule| format!("{}: {rule}", file.display())));
    }
    wrong.extend(missing.iter().map(|(test, file)| format!("{}: there is no test {test}", file.display())));
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// The documents among `files` whose tests must exist. Those of `GUARDED` are always among them.
fn guarded(files: &BTreeSet<PathBuf>) -> impl Iterator<Item = &Path> {
    let is_page = |file: &&Path| {
        file.starts_with(DESIGN) && file.extension().is_some_and(|extension| extension == "md")
    };
    GUARDED.iter().map(Path::new).chain(files.iter().map(PathBuf::as_path).filter(is_page))
}

/// The tests among what stands between backticks: names that are sentences.
fn tests_named(markdown: &str) -> impl Iterator<Item = &str> {
    let is_sentence = |name: &&str| {
        name.matches('_').count() >= 3 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    markdown.split('`').filter(is_sentence)
}

/// Files that make connections or requests, each with its deadlines.
const DIALS: [&str; 2] = ["engine/src/broker.rs", "cli/src/top/client.rs"];

/// Whether code, which examples in docs are not, makes connections or requests to others.
fn names_a_dial(text: &str) -> bool {
    let dials = [
        "Stream::connect(",
        "connect_async",
        "Client::builder(",
        "reqwest::Client::new(",
        "ConnectOptions::new(",
    ];
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.into_iter().any(|line| dials.iter().any(|dial| line.contains(dial)))
}

/// The rules that a file breaks.
fn broken(file: &Path, text: &str) -> impl Iterator<Item = &'static str> {
    let names = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let ours = file.starts_with("engine/src") || file.starts_with("cli/src");
    let rules = [
        (!text.starts_with("//! "), "it does not open with `//!` and what it is"),
        (
            ours && !file.starts_with("engine/src/plugin")
                && names(&[concat!("wasmtime", "::"), "wasmtime_wasi"]),
            "only engine/src/plugin may name wasmtime",
        ),
        (
            file.starts_with("engine/src/cluster")
                && !file.starts_with("engine/src/cluster/nats")
                && names(&["async_nats"]),
            "only engine/src/cluster/nats may name the broker's client",
        ),
        (
            ours && names_a_dial(text)
                && !file.starts_with("engine/src/deadlines")
                && !DIALS.iter().any(|dial| file == Path::new(dial)),
            "connections and requests to others are made in engine/src/deadlines, where each has its time",
        ),
        (ours && names(&[concat!("un", "bounded")]), "queues and channels have a bound"),
        (names(&[concat!("#[ig", "nore")]), "a test is run or removed"),
        (ours && opens_files(file, text), "only engine/src/files may open, list, rename or remove files"),
    ];
    rules.into_iter().filter_map(|(is_broken, rule)| is_broken.then_some(rule))
}

/// Ways to files past `engine/src/files`.
const WAYS: [&str; 19] = [
    "File::open",
    "File::create",
    "File::options",
    "OpenOptions",
    "DirBuilder",
    "NamedTempFile",
    "tempfile::",
    "rustix::fs",
    "tokio::fs",
    "fs::read",
    "fs::write",
    "fs::copy",
    "fs::rename",
    "fs::remove_",
    "fs::create_dir",
    "fs::hard_link",
    "fs::metadata",
    "fs::set_permissions",
    "fs::symlink(",
];

/// Files that may go other ways, each with its reason.
const GO_OTHER_WAYS: [&str; 7] = [
    // It builds crates, with folders for the sandbox that it makes itself.
    "cli/src/cargo",
    // Guests' own files, beneath the folders that they were granted, which `engine/src/files` has opened.
    "engine/src/plugin/capabilities/dir",
    // It writes a template into a folder that it has made itself.
    "cli/src/new.rs",
    // They ask what a path or a descriptor is, and open nothing.
    "engine/src/process/program.rs",
    "engine/src/wall/access.rs",
    "engine/src/wall/launcher/client.rs",
    "engine/src/wall/launcher/peer.rs",
];

/// Whether code, other than tests and examples in documentation, goes another way to files.
fn opens_files(file: &Path, text: &str) -> bool {
    let is_test = file.file_name().is_some_and(|name| name == "tests.rs");
    let may =
        file.starts_with("engine/src/files") || GO_OTHER_WAYS.iter().any(|other| file.starts_with(other));
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut lines = code.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    !is_test && !may && lines.any(|line| WAYS.iter().any(|way| line.contains(way)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(file: &str, text: &str) -> usize {
        broken(Path::new(file), text).count()
    }

    #[test]
    fn test_names_are_recognised_among_other_names() {
        let text = "`unwrap_used`, `the_buffer_is_exact` (tests/scattered/buffer.rs), `plugin/`";
        assert_eq!(tests_named(text).collect::<Vec<_>>(), ["the_buffer_is_exact"]);
    }

    #[test]
    fn each_page_on_a_design_is_guarded() {
        let files = ["docs/design/new.md", "docs/design/new.svg", "docs/reliability.md", "README.md"];
        let files = files.into_iter().map(PathBuf::from).collect();
        let expected = ["ARCHITECTURE.md", "docs/security.md", "docs/design/new.md"];
        assert_eq!(guarded(&files).collect::<Vec<_>>(), expected.map(Path::new));
    }

    #[test]
    fn each_rule_is_checked() {
        assert_eq!(count("engine/src/pool/mod.rs", "//! The pool.\n"), 0);
        assert_eq!(count("engine/src/pool/mod.rs", "mod pool;\n"), 1);
        assert_eq!(count("engine/src/pool/mod.rs", concat!("//! A.\nuse wasmtime", "::Engine;\n")), 1);
        assert_eq!(count("engine/src/plugin/mod.rs", concat!("//! A.\nuse wasmtime", "::Engine;\n")), 0);
        assert_eq!(count("engine/src/lib.rs", concat!("//! A.\nchannel::un", "bounded();\n")), 1);
        let dials = "//! A.\n/// TcpStream::connect(a)\nTcpStream::connect(a);\n";
        assert_eq!(count("engine/src/connectors/tcp/sink.rs", dials), 1);
        assert_eq!(count("engine/src/deadlines/dial.rs", dials), 0);
        assert_eq!(count("tests/run.rs", concat!("//! A.\n#[ig", "nore]\n")), 1);
    }

    #[test]
    fn only_one_folder_may_open_files() {
        for line in ["File::open(path)?;", "use std::fs::{File, OpenOptions};", "tokio::fs::read(path).await"]
        {
            let text = format!("//! A.\n{line}\n");
            assert_eq!(count("engine/src/pool/mod.rs", &text), 1, "{line}");
            for other in
                ["engine/src/files/input.rs", "cli/src/new.rs", "cli/src/top/tests.rs", "xtask/src/a.rs"]
            {
                assert_eq!(count(other, &text), 0, "{other}");
            }
            let example = format!("//! A.\n/// {line}\n#[cfg(test)]\nmod tests {{\n{line}\n}}\n");
            assert_eq!(count("engine/src/pool/mod.rs", &example), 0, "{line}");
        }
    }
}
