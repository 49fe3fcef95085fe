//! Words that names no longer have, for `cargo xtask house`.

/// Words to give up, and the terms that replace them. A type or a file is shown if a word of its name is one of them.
///
/// Not among them: a pool's `worker`, now a thread, since a cluster has workers; `slot`, since a slab has slots.
const RETIRED: [(&str, &str); 33] = [
    ("aside", "stderr capture, diverted records"),
    ("building", "build context"),
    ("claims", "file conflicts"),
    ("crew", "executor"),
    ("deliveries", "acknowledgements, delivery stream"),
    ("drawn", "snapshots, screen"),
    ("driver", "dispatcher, runtime"),
    ("duties", "task leases"),
    ("duty", "task leases"),
    ("haste", "inline execution"),
    ("joint", "binary"),
    ("keeper", "checkpointer"),
    ("leaving", "progress frontier"),
    ("ledger", "in-flight tasks"),
    ("letters", "failures, dead letters"),
    ("looks", "theme, checks"),
    ("mistake", "diagnostic"),
    ("mood", "severity"),
    ("outbox", "batcher"),
    ("pace", "batch size, rates, release"),
    ("picture", "diagram"),
    ("places", "subjects, input positions"),
    ("post", "acknowledgements"),
    ("posts", "acknowledgements"),
    ("reach", "progress frontier, access"),
    ("roster", "membership"),
    ("serving", "run worker"),
    ("slots", "result order, concurrency"),
    ("tallies", "delivery status, totals"),
    ("tally", "delivery status, totals"),
    ("verdict", "diagnosis"),
    ("verdicts", "diagnosis"),
    ("whole", "segment result"),
];

/// What to say instead of the words of this name that are to be given up. Dead letters keep their name.
pub(crate) fn retired(name: &str) -> impl Iterator<Item = &'static str> {
    let words = words(name);
    let instead = |(index, word): (usize, &String)| {
        let is_kept = word == "letters" && index > 0 && words[index - 1] == "dead";
        RETIRED.iter().find(|(retired, _)| retired == word && !is_kept).map(|(_, instead)| *instead)
    };
    words.iter().enumerate().filter_map(instead).collect::<Vec<_>>().into_iter()
}

/// The words of a name in CamelCase, snake_case or UPPER_CASE, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut follows_lower = false;
    for letter in name.chars() {
        if letter == '_' || (letter.is_uppercase() && follows_lower) {
            words.push(String::new());
        }
        follows_lower = letter.is_lowercase() || letter.is_ascii_digit();
        if letter != '_'
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retired_words_are_found_inside_names() {
        let is_retired = |name: &str| retired(name).next().is_some();
        let names = ["Letters", "PoolLetters", "WireWhole", "put_aside", "LOOKS", "KeeperHTTP"];
        assert!(names.into_iter().all(is_retired));
        let names = ["DeadLetters", "dead_letters", "Wholesale", "Post2", "SegmentResult", "mod", ""];
        assert!(!names.into_iter().any(is_retired));
    }
}
