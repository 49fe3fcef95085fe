//! A node that asks for something gets it only if it declared just that.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::BuildContext;
use crate::Pool;
use crate::nodes::access::Access;
use crate::nodes::address::{Address, Url};
use crate::nodes::diagnostic::Problem;
use crate::nodes::faults::FaultOptions;
use crate::nodes::plugin_option::PluginOption;

/// A name, how a node declares that it uses something, and how it asks for it while it is built.
type Used = (&'static str, fn(&mut Access), fn(&mut BuildContext) -> Result<(), Problem>);

const USES: [Used; 13] = [
    ("read", |access| access.reads(path("read")), |context| asked(context.reads(path("read"), "path"))),
    (
        "followed",
        |access| access.reads_all(&["followed".into()], true),
        |context| asked(context.reads(path("followed"), "path")),
    ),
    ("folder", |access| access.reads(path("folder")), |context| asked(context.reads_folder(path("folder")))),
    (
        "written",
        |access| access.writes(path("written")),
        |context| asked(context.writes(path("written"), false, false)),
    ),
    (
        "replaced",
        |access| access.replaces(path("replaced")),
        |context| asked(context.replaces(path("replaced"), "position")),
    ),
    (
        "rotating",
        |access| access.rotates(path("rotating"), 2),
        |context| asked(context.writes(path("rotating"), false, true)),
    ),
    (
        "program",
        |access| access.starts(&["true".into()], None),
        |context| asked(context.starts(vec!["true".into()], None)),
    ),
    (
        "listener",
        |access| access.listens(&address("127.0.0.1:1")),
        |context| asked(context.access.listened_at(address("127.0.0.1:1"))),
    ),
    (
        "address",
        |access| access.dials(&address("127.0.0.1:2")),
        |context| asked(context.access.dialed(address("127.0.0.1:2"))),
    ),
    (
        "url",
        |access| access.connects(&url("http://localhost/")),
        |context| asked(context.access.connected(url("http://localhost/"))),
    ),
    (
        "servers",
        |access| access.asks(&url("nats://localhost"), [&None, &None]),
        |context| asked(context.access.asked(url("nats://localhost"))),
    ),
    (
        "plugin",
        |access| access.loads(&PluginOption::Path("plugin.wasm".into()), &[]),
        |context| asked(context.plugin(&PluginOption::Path("plugin.wasm".into()))),
    ),
    (
        "capability",
        |access| access.loads(&PluginOption::Path("other.wasm".into()), &["dir:folder".into()]),
        |context| asked(context.grants("dir:folder".parse().expect("a capability"))),
    ),
];

fn path(name: &str) -> &Path {
    Path::new(name)
}

fn address(text: &str) -> Address {
    Address(text.into())
}

fn url(text: &str) -> Url {
    Url(text.into())
}

fn asked<T>(result: Result<T, Problem>) -> Result<(), Problem> {
    result.map(drop)
}

/// Whether a node was refused since it did not declare something. That a plugin is none comes later.
fn is_undeclared(result: &Result<(), Problem>) -> bool {
    match result {
        Err(problem) if problem.message.contains("had not declared") => true,
        Err(problem) => {
            assert_eq!(problem.message, "not a plugin");
            false
        }
        Ok(()) => false,
    }
}

#[test]
fn a_node_is_refused_all_that_it_did_not_declare() {
    let folder = tempfile::tempdir().unwrap();
    ["read", "followed"].iter().for_each(|name| fs::write(folder.path().join(name), "").unwrap());
    fs::create_dir(folder.path().join("folder")).unwrap();
    let pool = Pool::builder().threads(1).build().unwrap();
    let no_plugin = |_: &Path| Err("not a plugin".to_owned());
    let context = || {
        let (on_listen, faults) = (Arc::new(|_: &str, _| {}), FaultOptions::default());
        BuildContext::new(pool.clone(), folder.path(), &no_plugin, on_listen, faults)
    };
    for (number, (name, declare, ask)) in USES.into_iter().enumerate() {
        let mut alone = context();
        alone.says(declare);
        assert!(!is_undeclared(&ask(&mut alone)), "{name} was declared");
        let mut others = context();
        others.says(|access| {
            let others = USES.iter().enumerate().filter(|(other, _)| *other != number);
            others.for_each(|(_, (_, declare, _))| declare(access));
        });
        assert!(is_undeclared(&ask(&mut others)), "{name} was not declared, and is given");
    }
}
