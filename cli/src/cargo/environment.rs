//! What a build sees of the environment: what cargo and compilers need, and not whatever else is there.

use std::ffi::OsString;
use std::process::Command;

/// Variables that builds get: where things are, how the network is reached, how people like to read, and which
/// compilers there are for languages beside Rust.
const NAMES: &[&str] = &[
    "ALL_PROXY",
    "APPDATA",
    "AR",
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "CC",
    "CFLAGS",
    "COMSPEC",
    "CURL_CA_BUNDLE",
    "CXX",
    "CXXFLAGS",
    "DEVELOPER_DIR",
    "GIT_SSL_CAINFO",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LIBCLANG_PATH",
    "LOCALAPPDATA",
    "LOGNAME",
    "MACOSX_DEPLOYMENT_TARGET",
    "NO_COLOR",
    "NO_PROXY",
    "PATH",
    "PATHEXT",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "PROGRAMFILES(X86)",
    "RUSTC_WRAPPER",
    "SDKROOT",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SYSTEMROOT",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "USERPROFILE",
    "WASI_SDK_PATH",
    "WASI_SYSROOT",
    "WINDIR",
];

/// The same for names that begin so.
const BEGINNINGS: &[&str] = &[
    "AR_",
    "CARGO_BUILD_JOBS",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_TERM_",
    "CC_",
    "CFLAGS_",
    "CXXFLAGS_",
    "CXX_",
    "LC_",
    "NIX_",
    "PKG_CONFIG_",
    "RUSTUP_",
    "SCCACHE_DIR",
];

/// Variables by which the network is reached.
const NETWORK: &[&str] = &[
    "ALL_PROXY",
    "CARGO_HTTP_CAINFO",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// A program of a build, which sees no more of the environment than it needs.
///
/// Flags for the caller's own crates are left out too: the component is a build's own.
pub(super) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| is_needed(name)));
    command
}

/// Variables by which the network is reached, with their values.
pub(super) fn of_network() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| NETWORK.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

fn is_needed(name: &OsString) -> bool {
    let begins = |beginning: &&str| {
        name.to_str()
            .and_then(|name| name.get(..beginning.len()))
            .is_some_and(|begin| begin.eq_ignore_ascii_case(beginning))
    };
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)) || BEGINNINGS.iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_get_the_environment_they_need_and_no_secrets() {
        let needed = |name: &str| is_needed(&OsString::from(name));
        assert!(
            ["PATH", "https_proxy", "CARGO_HOME", "RUSTUP_TOOLCHAIN", "LC_ALL", "CC_wasm32_wasip2"]
                .map(needed)
                .iter()
                .all(|needed| *needed)
        );
        assert!(
            !["AWS_SECRET_ACCESS_KEY", "CARGO_REGISTRY_TOKEN", "GITHUB_TOKEN", "RUSTFLAGS", "LC", ""]
                .map(needed)
                .iter()
                .any(|needed| *needed)
        );
    }
}
