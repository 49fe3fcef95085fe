//! Where programs, plugins and inputs are.

use std::path::{Path, PathBuf};

use clap::Args;

#[derive(Args)]
pub(crate) struct Places {
    /// The command `engine`
    #[arg(long)]
    engine: PathBuf,
    /// The folder with the plugins' components
    #[arg(long)]
    plugins: PathBuf,
    /// The target folder of the peers; without it the only rivals are awk, cat and python3
    #[arg(long)]
    peers: Option<PathBuf>,
    /// The command `nats-server`; without it there is no cluster
    #[arg(long)]
    nats: Option<PathBuf>,
    /// The folder for inputs and outputs, some gigabytes
    #[arg(long)]
    data: PathBuf,
}

impl Places {
    pub(crate) fn engine(&self) -> String {
        shown(&self.engine)
    }

    pub(crate) fn plugin(&self, name: &str) -> String {
        shown(&self.plugins.join(name).with_extension("wasm"))
    }

    /// A program of the peers, if it is built.
    pub(crate) fn peer(&self, name: &str) -> Option<String> {
        let path = self.peers.as_ref()?.join("release").join(name);
        path.is_file().then(|| shown(&path))
    }

    /// The broker of a cluster.
    pub(crate) fn nats(&self) -> Option<String> {
        self.nats.as_deref().filter(|path| path.is_file()).map(shown)
    }

    /// The guest of a peer.
    pub(crate) fn guest(&self, target: &str, name: &str) -> Option<String> {
        let path = self.peers.as_ref()?.join(target).join("release").join(name).with_extension("wasm");
        path.is_file().then(|| shown(&path))
    }

    /// Python with the packages of the Dask peer, and its program.
    pub(crate) fn dask(&self) -> Option<[String; 2]> {
        let python = self.peers.as_ref()?.join("dask-venv/bin/python");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/dask/peer.py");
        python.is_file().then(|| [shown(&python), shown(&program)])
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        // A cache folder is only used if its path is absolute.
        std::path::absolute(&self.data).unwrap_or_else(|_| self.data.clone()).join(name)
    }
}

pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
