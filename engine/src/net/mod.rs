//! What all that speaks over networks needs: TLS, and URLs as people may see them.

pub(crate) mod tls;
pub(crate) mod url;
