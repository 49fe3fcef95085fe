//! Nobody but the user decides what the host opens: not a function that may write to a folder, and not somebody else
//! who may drop files there.

use std::fs;
use std::path::{Path, PathBuf};

use engine::{Capability, Error, Function, Isolation, Plugin, Pool};
use tempfile::{TempDir, tempdir};

use crate::support::{Did, engine, fed, function_of, hostile, ran};

/// A folder that functions may have, `open`, with a folder `in` within; and beside it what is nobody's business.
struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Self(tempdir().unwrap());
        fs::create_dir_all(scene.path("open/in")).unwrap();
        fs::create_dir(scene.path("vault")).unwrap();
        fs::write(scene.path("vault/file"), "secret\n").unwrap();
        fs::write(scene.path("open/in/file"), "inside\n").unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// The function that does with folders what its records say, with these grants.
fn acting(pool: &Pool, grants: &[String]) -> Result<Function<String, String>, Error> {
    let plugin = pool.load(hostile("granted")).unwrap();
    let capabilities = grants.iter().map(|grant| grant.parse::<Capability>().unwrap());
    capabilities.fold(plugin, Plugin::grant).function("acts")
}

fn one_by_one() -> Pool {
    Pool::builder().workers(1).isolation(Isolation::Record).build().unwrap()
}

/// Commands that take `open/in` away and put a link to the vault in its place.
fn swap(scene: &Scene) -> [String; 2] {
    // By way of the folder around it: from within it has no name.
    let (from, away) = (scene.shown("open/./in"), scene.shown("open/away"));
    [format!("rename {from} {away}"), format!("link ../vault {from}")]
}

/// `engine run` with the function that does what records say.
fn run(more: &[&str], input: &str) -> Did {
    let acts = function_of(&hostile("granted"), "acts");
    fed(engine([&["run", "-q", "-p", &acts], more].concat()), input)
}

fn grant(path: &Path) -> String {
    format!("dir:{}", path.display())
}

#[tokio::test]
async fn a_granted_folder_stays_the_one_that_was_granted() {
    let scene = Scene::new();
    let grants = [grant(&scene.path("open")), format!("dir:{}:ro", scene.shown("open/in"))];
    let acts = acting(&one_by_one(), &grants).unwrap();
    let [away, link] = swap(&scene);
    let read = format!("read {}", scene.shown("open/in/file"));
    let (outputs, ended) = ran([away, link, read], |stream| stream.apply(&acts)).await;
    ended.unwrap();
    assert_eq!(outputs[2], "inside\n");
    assert_eq!(fs::read_to_string(scene.path("open/in/file")).unwrap(), "secret\n");
}

#[test]
fn a_link_that_an_earlier_run_planted_leads_no_grant_elsewhere() {
    let scene = Scene::new();
    let (open, within) = (grant(&scene.path("open")), format!("dir:{}:ro", scene.shown("open/in")));
    let did = run(&["--allow", &open], &swap(&scene).join("\n"));
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    let read = format!("read {}", scene.shown("open/in/file"));
    for grants in [[&open, &within], [&within, &open]] {
        let did = run(&["--allow", grants[0], "--allow", grants[1]], &read);
        assert!(did.code != Some(0) && !did.stdout.contains("secret"), "{}{}", did.stdout, did.stderr);
        assert_eq!(did.stderr.lines().count(), 1, "{}", did.stderr);
        assert!(
            did.stderr.contains("a link leads there from a folder that a function may write"),
            "{}",
            did.stderr
        );
    }
}
