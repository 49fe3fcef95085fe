//! The versions of all files and messages that another version of engine may have written, and which of them are read.

use serde::Deserialize;

/// A format of files or messages, which names its version.
#[derive(Debug)]
pub(crate) struct Format {
    /// What has this format, as in "it is of version 5 of checkpoints".
    pub(crate) name: &'static str,
    /// The version that is written. A change that an older engine would misread makes it grow.
    pub(crate) written: u32,
    /// The oldest version that is read.
    pub(crate) oldest: u32,
    /// What to do with an older one.
    remedy: &'static str,
}

/// The progress of a run.
pub(crate) const CHECKPOINT: Format = Format {
    name: "checkpoints",
    written: 5,
    oldest: 5,
    remedy: "finish the run with the engine that wrote it, or remove it to start the run over",
};

/// The progress of a graph.
pub(crate) const GRAPH_CHECKPOINT: Format =
    Format { name: "checkpoints of graphs", written: 1, oldest: 1, remedy: CHECKPOINT.remedy };

/// How far a source has read its files.
pub(crate) const POSITIONS: Format = Format {
    name: "positions",
    written: 1,
    oldest: 1,
    remedy: "remove it to read all files from their start",
};

/// A line of a file of dead letters. Those before version 1 name none.
pub(crate) const DEAD_LETTER: Format = Format { name: "dead letters", written: 1, oldest: 0, remedy: "" };

/// A pipeline file. One that names no version is of version 1.
pub(crate) const PIPELINE_FILE: Format = Format {
    name: "pipeline files",
    written: 1,
    oldest: 1,
    remedy: "write version = 1, or remove the version",
};

/// What hosts and workers of a cluster tell each other.
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "clusters are a feature"))]
pub(crate) const CLUSTER_PROTOCOL: Format = Format {
    name: "the cluster's protocol",
    written: 2,
    oldest: 2,
    remedy: "run the same engine everywhere",
};

impl Format {
    /// Checks that a version is read.
    ///
    /// # Errors
    ///
    /// A sentence that says what to do.
    pub(crate) fn check(&self, version: u64) -> Result<(), String> {
        let Self { name, written, oldest, remedy } = self;
        if version > u64::from(*written) {
            return Err(format!(
                "it is of version {version} of {name}, and this engine reads up to version {written}: use an engine \
                 that is as new as the one that wrote it"
            ));
        }
        if version < u64::from(*oldest) {
            let which = if oldest == written { "only version" } else { "from version" };
            return Err(format!(
                "it is of version {version} of {name}, and this engine reads {which} {oldest}: {remedy}"
            ));
        }
        Ok(())
    }

    /// Why a JSON object is not read whose version says so, whatever else it has.
    pub(crate) fn refusal(&self, json: &[u8]) -> Option<String> {
        let Versioned { version } = serde_json::from_slice(json).ok()?;
        self.check(version?).err()
    }

    /// Checks the version that a JSON object names as `version`, whatever else it has.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check), or that it names none.
    pub(crate) fn check_json(&self, json: &[u8]) -> Result<(), String> {
        let Versioned { version } =
            serde_json::from_slice(json).map_err(|error| crate::text::json_reason(&error, 0))?;
        match version {
            Some(version) => self.check(version),
            None if self.oldest == 0 => Ok(()),
            None => Err("it names no version".to_owned()),
        }
    }
}

/// What is read of any version.
#[derive(Deserialize)]
#[serde(expecting = "an object with a version")]
struct Versioned {
    version: Option<u64>,
}

/// A file or message as a version of its format has it.
#[cfg(test)]
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    use std::io::Read;

    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/versions/");
    let mut bytes = Vec::new();
    let file = crate::files::open_file((folder.to_owned() + name).as_ref());
    file.and_then(|mut file| file.read_to_end(&mut bytes)).expect(name);
    bytes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const ALL: [(&Format, &str); 6] = [
        (&CHECKPOINT, "checkpoint"),
        (&GRAPH_CHECKPOINT, "graph_checkpoint"),
        (&POSITIONS, "positions"),
        (&DEAD_LETTER, "dead_letters"),
        (&PIPELINE_FILE, "pipeline"),
        (&CLUSTER_PROTOCOL, "cluster"),
    ];

    #[test]
    fn other_versions_are_refused_with_what_to_do() {
        for (format, _) in ALL {
            for version in format.oldest..=format.written {
                assert_eq!(format.check(version.into()), Ok(()));
            }
            let newer = format.check(u64::from(format.written) + 1).unwrap_err();
            assert!(newer.contains("use an engine that is as new"), "{newer}");
            if format.oldest > 0 {
                let older = format.check(u64::from(format.oldest) - 1).unwrap_err();
                assert!(older.ends_with(format.remedy) && older.contains(format.name), "{older}");
            }
        }
        assert_eq!(CHECKPOINT.check_json(b"{\"version\":5,\"more\":[]}"), Ok(()));
        assert_eq!(CHECKPOINT.check_json(b"{}"), Err("it names no version".to_owned()));
        assert_eq!(DEAD_LETTER.check_json(b"{\"record\":\"x\"}"), Ok(()));
        assert!(DEAD_LETTER.check_json(b"{\"version\":9}").is_err());
    }

    /// If this fails, write a fixture with the engine that has the new version, and a test that reads it.
    #[test]
    fn there_are_fixtures_of_every_version() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/versions");
        for (format, name) in ALL {
            // Files of the first release are refused, or read.
            for version in format.oldest.saturating_sub(1)..=format.written {
                let fixture = folder.join(format!("{name}.{version}"));
                assert!(fixture.exists() || version == 0, "{} is missing", fixture.display());
            }
        }
    }
}
