//! What all network connections need: TLS, and URLs without secrets.

pub(crate) mod tls;
pub(crate) mod url;
