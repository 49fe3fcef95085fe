//! The cryptography of connections.

/// Connections over TLS use ring, unless the program has chosen something else.
pub(crate) fn prepare() {
    // Another choice was made before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
