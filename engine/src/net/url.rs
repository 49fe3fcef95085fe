//! URLs as they are shown to people, without secrets.

/// A URL without its user, its query and its fragment, which may be secrets.
pub(crate) fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_of_urls() {
        assert_eq!(
            shown("https://me:key@example.org:8443/in/@x?token=1#2"),
            "https://example.org:8443/in/@x"
        );
        assert_eq!(shown("wss://a@b@example.org?key"), "wss://example.org");
        assert_eq!(shown("no url"), "no url");
    }
}
