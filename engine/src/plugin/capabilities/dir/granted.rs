//! The folders that a function was granted, opened once for all of its instances.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::node::open_granted;
use crate::files::Granted;
use crate::function::Capability;
use crate::function::capability::Dir;

/// Folders by their paths, each with what all instances resolve paths in.
#[derive(Debug, Default)]
pub(in crate::plugin) struct GrantedFolders(HashMap<PathBuf, io::Result<(Granted, Arc<File>)>>);

impl GrantedFolders {
    /// Opens the folders among capabilities. The first instance that needs one reports why it cannot be opened.
    pub(in crate::plugin) fn open(capabilities: &[Capability]) -> Self {
        let mut opened = HashMap::new();
        // Writable folders come first, since they decide how others are opened.
        for writes in [true, false] {
            for capability in capabilities {
                if let Capability::Dir(Dir { path, read_only, .. }) = capability
                    && *read_only != writes
                    && !opened.contains_key(path)
                {
                    let folder = Granted::open(path, *read_only).and_then(|granted| {
                        open_granted(&granted.opened()).map(|file| (granted, Arc::new(file)))
                    });
                    opened.insert(path.clone(), folder);
                }
            }
        }
        Self(opened)
    }

    /// A folder as it was opened when it was granted, whatever became of its name.
    pub(in crate::plugin) fn get(&self, path: &Path) -> io::Result<Arc<File>> {
        match self.0.get(path) {
            Some(Ok((_, folder))) => Ok(folder.clone()),
            Some(Err(error)) => Err(io::Error::new(error.kind(), error.to_string())),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
