//! The words of a text, and the long ones among them.

use engine_sdk::{filter, flat_map};

/// The words of a line, in lower case. An apostrophe belongs to its word: `don't`.
#[flat_map]
fn words(line: &str) -> impl Iterator<Item = String> {
    line.split(|c: char| !c.is_alphanumeric() && !is_apostrophe(c))
        .map(|word| word.trim_matches(is_apostrophe))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// Keeps words of at least `letters` letters.
#[filter(letters = 8)]
fn long(word: &str, letters: usize) -> bool {
    word.chars().count() >= letters
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        assert_eq!(words(line).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn words_are_separated_by_spaces_and_punctuation() {
        check("The quick, brown fox -- jumps!", &["the", "quick", "brown", "fox", "jumps"]);
        check("", &[]);
        check(" … ", &[]);
    }

    #[test]
    fn apostrophes_stay_within_words_but_not_around_them() {
        check("'Don't,' she said, isn’t it?", &["don't", "she", "said", "isn’t", "it"]);
    }

    #[test]
    fn letters_of_any_language_count_once() {
        check("Ärger ÜBER Größe", &["ärger", "über", "größe"]);
        assert!(long("größe", 5));
        assert!(!long("größe", 6));
    }
}
