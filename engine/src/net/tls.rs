//! Chooses the cryptography of TLS connections.

/// Makes TLS connections use ring, unless the program has chosen another provider.
pub(crate) fn prepare() {
    // An error says that a provider was chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
