//! Folders of plugin crates: a build runs the author's code, so only commands that are meant to build do so.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::support::{Did, engine, fed};

/// A crate whose build script and macro write a file when they run.
struct Crate {
    folder: tempfile::TempDir,
}

impl Crate {
    fn new() -> Self {
        let new = Self { folder: tempfile::tempdir().unwrap() };
        let made = fed(engine(["new".as_ref(), new.path("it").as_os_str()]), "");
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        let mark = "std::fs::write(MARKER, format!(\"{:?}\", std::env::vars())).unwrap();";
        let mark = mark.replace("MARKER", &format!("{:?}", new.path("marker")));
        new.write("it/build.rs", &format!("fn main() {{ {mark} }}"));
        let package = "[package]\nname = \"marking\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        new.write("it/marking/Cargo.toml", &format!("{package}[lib]\nproc-macro = true\n"));
        let tokens = "proc_macro::TokenStream";
        let marks = format!("pub fn mark(_: {tokens}) -> {tokens} {{ {mark} Default::default() }}");
        new.write("it/marking/src/lib.rs", &format!("#[proc_macro]\n{marks}\n"));
        new.edit("it/Cargo.toml", "[dependencies]", "[dependencies]\nmarking = { path = \"marking\" }");
        new.edit("it/src/lib.rs", "use ", "marking::mark!();\nuse ");
        new.write("pipeline.toml", "[sources.stdin]\n[stages.map]\nplugin = \"it\"\n[sinks.stdout]\n");
        new
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{text}");
        self.write(name, &text.replacen(from, to, 1));
    }

    fn run(&self, args: &[&str]) -> Did {
        let mut command = engine(args);
        fed(
            {
                command.current_dir(&self.folder);
                command.env("PATH", self.noting()).env("TOKEN", "SECRET");
                command
            },
            "1\n",
        )
    }

    /// Checks what all commands that inspect plugins print, and that they ran nothing.
    fn inspected(&self) -> [Did; 3] {
        let commands = [["inspect", "it"], ["check", "pipeline.toml"], ["graph", "pipeline.toml"]];
        let did = commands.map(|command| self.run(&command));
        assert!(!self.path("marker").exists() && !self.path("called").exists());
        did
    }

    fn builds(&self, args: &[&str]) -> Did {
        let did = self.run(args);
        assert_eq!(did.code, Some(0), "{}", did.stderr);
        fs::remove_file(self.path("called")).unwrap();
        // An unchanged crate is not built again.
        if let Ok(environment) = fs::read_to_string(self.path("marker")) {
            fs::remove_file(self.path("marker")).unwrap();
            assert!(environment.contains("PATH") && !environment.contains("SECRET"), "{environment}");
        }
        did
    }

    /// The PATH, preceded by programs that record their calls.
    fn noting(&self) -> String {
        let called = self.path("called");
        for program in ["cargo", "rustc", "rustup"] {
            let script = format!("echo {program} >> {called:?}\nPATH=${{PATH#*:}} exec {program} \"$@\"");
            self.write(&format!("programs/{program}"), &format!("#!/bin/sh\n{script}\n"));
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(self.path("programs").join(program), executable).unwrap();
        }
        format!("{}:{}", self.path("programs").display(), std::env::var("PATH").unwrap())
    }
}

/// Builds go to a folder that tests share, so that dependencies are built once.
fn share_target(target: &Path) {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("made");
    fs::create_dir_all(&shared).unwrap();
    symlink(shared, target).unwrap();
}

#[test]
fn inspecting_a_crate_runs_none_of_its_code() {
    let stranger = Crate::new();
    for did in stranger.inspected() {
        assert_eq!((did.code, &*did.stdout, did.stderr.lines().count()), (Some(2), "", 1), "{}", did.stderr);
        assert!(did.stderr.contains("it is a crate that is not built: build it with `engine build "));
    }
}

#[test]
fn inspect_reads_a_built_crate_without_building() {
    let own = Crate::new();
    share_target(&own.path("it/target"));
    own.builds(&["build", "it"]);
    assert!(own.inspected().iter().all(|did| (did.code, &*did.stderr) == (Some(0), "")));

    own.edit("it/src/lib.rs", "x + step", "x - step");
    for did in own.inspected() {
        assert_eq!((did.code, did.stderr.lines().count()), (Some(2), 1), "{}", did.stderr);
        assert!(did.stderr.contains("it changed after it was built: build it with `engine build "));
    }
    let run = ["run", "--plugin", "it"];
    assert_eq!(own.builds(&run).stdout, "0\n");
    assert!(own.inspected().iter().all(|did| did.code == Some(0)));

    // Saved without a change, it is not built again, and counts as built.
    let manifest = fs::File::options().append(true).open(own.path("it/Cargo.toml")).unwrap();
    manifest.set_modified(SystemTime::now()).unwrap();
    assert!(own.inspected().iter().all(|did| did.code == Some(2)));
    own.builds(&run);
    assert!(own.inspected().iter().all(|did| did.code == Some(0)));
}

#[test]
fn a_workspace_members_build_is_found_in_the_target_folder() {
    let own = Crate::new();
    own.edit("it/Cargo.toml", "[workspace]\nexclude", "[package.metadata]\nunused");
    own.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"it\"]\nexclude = [\"it/engine-sdk\"]\nresolver = \"3\"\n",
    );
    share_target(&own.path("target"));
    own.builds(&["build", "it"]);
    assert!(own.inspected().iter().all(|did| (did.code, &*did.stderr) == (Some(0), "")));
}
