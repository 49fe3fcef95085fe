//! What the words of the command line mean: plugins, arguments, sizes and times.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use bytesize::ByteSize;
use engine::Capability;
use engine::operators::Part;
use engine::run::OnFault;

/// `FILE[:FUNCTION]`: a plugin, and which of its functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PluginSpec {
    pub(crate) path: PathBuf,
    pub(crate) function: Option<String>,
}

impl FromStr for PluginSpec {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        // A file whose name holds a colon is taken as it stands.
        if !Path::new(text).exists()
            && let Some((path, function)) = text.rsplit_once(':')
            && !function.contains(['/', '\\'])
        {
            anyhow::ensure!(!function.is_empty(), "there is no function after the colon");
            return Ok(Self { path: path.into(), function: Some(function.to_owned()) });
        }
        Ok(Self { path: text.into(), function: None })
    }
}

/// `[N.]NAME=VALUE`: an argument, and of which plugin of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    /// Counted from 1.
    pub(crate) plugin: Option<usize>,
    pub(crate) name: String,
    pub(crate) value: String,
}

impl std::fmt::Display for Argument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { plugin, name, value } = self;
        match plugin {
            Some(plugin) => write!(f, "{plugin}.{name}={value}"),
            None => write!(f, "{name}={value}"),
        }
    }
}

impl FromStr for Argument {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, value) = text.split_once('=').context("write NAME=VALUE")?;
        let (plugin, name) = match name.split_once('.') {
            Some((number, name)) => {
                (Some(number.parse().context("write N.NAME=VALUE, N counted from 1")?), name)
            }
            None => (None, name),
        };
        anyhow::ensure!(plugin != Some(0), "plugins are counted from 1");
        anyhow::ensure!(!name.is_empty(), "write NAME=VALUE");
        Ok(Self { plugin, name: name.to_owned(), value: value.to_owned() })
    }
}

/// `[N.]CAPABILITY`: what functions may have, and of which plugin of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Counted from 1.
    pub(crate) plugin: Option<usize>,
    pub(crate) capability: Capability,
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((number, capability)) = text.split_once('.')
            && let Ok(number) = number.parse()
        {
            return Ok(Self { plugin: Some(number), capability: capability.parse()? });
        }
        Ok(Self { plugin: None, capability: text.parse()? })
    }
}

/// `[N.]FIELD`: which part of a record is its key, for which plugin of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyArg {
    /// Counted from 1.
    pub(crate) plugin: Option<usize>,
    /// A number is an item of an array.
    pub(crate) part: Part,
}

impl FromStr for KeyArg {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let numbered = text.split_once('.').and_then(|(number, rest)| Some((number.parse().ok()?, rest)));
        let (plugin, name) = numbered.map_or((None, text), |(number, rest)| (Some(number), rest));
        anyhow::ensure!(plugin != Some(0), "plugins are counted from 1");
        anyhow::ensure!(!name.is_empty(), "write the name of a field");
        Ok(Self { plugin, part: name.parse().map_or_else(|_| Part::from(name), Part::Item) })
    }
}

impl std::fmt::Display for KeyArg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(plugin) = self.plugin {
            write!(f, "{plugin}.")?;
        }
        match &self.part {
            Part::Field(name) => f.write_str(name),
            Part::Item(item) => write!(f, "{item}"),
        }
    }
}

/// `stop`, `skip` or `divert=FILE`: what becomes of a record that a function fails for.
pub(crate) fn on_fault(text: &str) -> Result<OnFault, String> {
    Ok(match text.split_once('=').unwrap_or((text, "")) {
        ("stop", "") => OnFault::Stop,
        ("skip", "") => OnFault::Skip,
        ("divert", path) if !path.is_empty() => OnFault::Divert(path.into()),
        _ => return Err("write stop, skip or divert=FILE".to_owned()),
    })
}

/// `64MiB`, `1GB` or a number of bytes.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let size: ByteSize = text.parse().map_err(|_| "write a number of bytes, as in 64MiB".to_owned())?;
    usize::try_from(size.0).map_err(|_| "that is more than this machine can address".to_owned())
}

/// `10s`, `500ms`, or a number of seconds.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let time = seconds.or_else(|| humantime::parse_duration(text).ok());
    time.filter(|time| !time.is_zero())
        .ok_or_else(|| "write a time above zero, as in 10s or 500ms".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> (String, Option<String>) {
        let PluginSpec { path, function } = text.parse().unwrap();
        (path.display().to_string(), function)
    }

    #[test]
    fn a_plugin_may_name_its_function() {
        assert_eq!(spec("a.wasm"), ("a.wasm".into(), None));
        assert_eq!(spec("x/a.wasm:inc"), ("x/a.wasm".into(), Some("inc".into())));
        assert_eq!(spec("x:y/a.wasm"), ("x:y/a.wasm".into(), None));
        assert!("a.wasm:".parse::<PluginSpec>().is_err());
    }

    #[test]
    fn an_argument_may_name_its_plugin() {
        let argument = |text: &str| text.parse::<Argument>().map(|a| (a.plugin, a.name, a.value)).ok();
        assert_eq!(argument("mask=x"), Some((None, "mask".into(), "x".into())));
        assert_eq!(argument("2.mask=a.b=c"), Some((Some(2), "mask".into(), "a.b=c".into())));
        assert_eq!(["mask", "=x", "0.mask=x", "a.mask=x"].map(argument), [None, None, None, None]);
    }

    #[test]
    fn a_key_is_a_field_or_an_item() {
        let key = |text: &str| text.parse::<KeyArg>().map(|key| (key.plugin, key.part)).ok();
        assert_eq!(key("user"), Some((None, Part::from("user"))));
        assert_eq!(key("2.user.name"), Some((Some(2), Part::from("user.name"))));
        assert_eq!(key("user.name"), Some((None, Part::from("user.name"))));
        assert_eq!([key("3"), key("2.3")], [None, Some(2)].map(|plugin| Some((plugin, Part::Item(3)))));
        assert_eq!(["", "2.", "0.user"].map(key), [const { None }; 3]);
        assert_eq!("2.user".parse::<KeyArg>().unwrap().to_string(), "2.user");
    }

    #[test]
    fn on_fault_accepts_a_dead_letter_file() {
        let parse = |text: &str| on_fault(text).ok();
        assert_eq!(["stop", "skip"].map(parse), [Some(OnFault::Stop), Some(OnFault::Skip)]);
        assert_eq!(parse("divert=a=b"), Some(OnFault::Divert("a=b".into())));
        assert_eq!(["", "divert", "divert=", "skip=x", "ignore"].map(parse), [const { None }; 5]);
    }

    #[test]
    fn sizes_and_durations_parse_with_units() {
        assert_eq!(["64MiB", "1kB", "10"].map(size), [Ok(64 << 20), Ok(1000), Ok(10)]);
        assert_eq!(["10s", "500ms", "0.5"].map(|text| time(text).unwrap().as_millis()), [10_000, 500, 500]);
        assert!(time("0").is_err() && time("-1").is_err() && size("much").is_err());
    }
}
