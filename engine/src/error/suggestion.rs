//! Suggestions: the name that was probably meant, and those that there are.

/// A question for the name that was probably meant, to stand after the one that was given.
pub(super) fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!(" (did you mean {name}?)"))
}

/// Names, or the first of them: a guest may have any number.
pub(super) fn some(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The name among `names` that is close enough to `name` to have been meant.
pub(crate) fn nearest_of<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let distances = names.into_iter().map(|other| (strsim::damerau_levenshtein(name, other), other));
    let close = distances.filter(|(distance, other)| *distance <= (other.len() / 3).max(1));
    close.min_by_key(|(distance, _)| *distance).map(|(_, name)| name.to_owned())
}
