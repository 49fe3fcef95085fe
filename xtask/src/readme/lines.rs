//! Whether a command printed what the README says. `…` stands for whatever differs: alone on a line
//! for any lines, within a line for any text.

const ANY: &str = "…";

/// Whether the lines are as they are shown.
pub(crate) fn fit(shown: &[&str], printed: &[&str]) -> bool {
    match (shown, printed) {
        ([], []) => true,
        ([line, rest @ ..], _) if *line == ANY => {
            (0..=printed.len()).any(|skipped| fit(rest, &printed[skipped..]))
        }
        ([line, rest @ ..], [first, others @ ..]) => line_fits(line, first) && fit(rest, others),
        _ => false,
    }
}

fn line_fits(shown: &str, printed: &str) -> bool {
    let Some((start, rest)) = shown.split_once(ANY) else { return shown == printed };
    let Some(printed) = printed.strip_prefix(start) else { return false };
    let ends = printed.char_indices().map(|(at, _)| at).chain([printed.len()]);
    ends.into_iter().any(|at| line_fits(rest, &printed[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_must_match() {
        assert!(fit(&["a", "b"], &["a", "b"]));
        assert!(!fit(&["a", "b"], &["a"]) && !fit(&["a"], &["a", "b"]) && !fit(&["a"], &["A"]));
    }

    #[test]
    fn varying_parts_may_be_elided() {
        assert!(fit(&["…", "c"], &["a", "b", "c"]) && fit(&["a", "…"], &["a"]));
        assert!(fit(&["size … KiB, … s"], &["size 12.3 KiB, 4 s"]));
        assert!(!fit(&["size … KiB"], &["size 12.3 MiB"]) && !fit(&["…", "d"], &["a", "b", "c"]));
    }
}
