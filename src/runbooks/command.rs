//! The grammar of `/runbook`: a few words are its own, everything else is looked up.

use super::help::VERBS;
use crate::slack::spoken;
use crate::slack::words::{first_word, plain, unquoted};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// That of the incident whose channel it is.
    Here,
    List {
        service: String,
    },
    Find {
        typed: String,
    },
    Help {
        about: String,
    },
}

/// Reads the words after the command's name. Nothing is wrong: what is no word of ours may be in a title.
pub fn parse(raw: &str) -> Asked {
    let (word, rest) = first_word(raw);
    let typed = |words: &str| {
        let words = words.split_whitespace().map(unquoted).collect::<Vec<_>>().join(" ");
        plain(unquoted(&words)).trim().to_owned()
    };
    match spoken::find(VERBS, word).map(|verb| verb.word) {
        None if word.is_empty() => Asked::Here,
        Some("show") if rest.is_empty() => Asked::Here,
        Some("show") => Asked::Find { typed: typed(rest) },
        Some("list") => Asked::List { service: typed(rest) },
        Some("help") => Asked::Help { about: rest.to_owned() },
        _ => Asked::Find { typed: typed(raw) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_what_was_asked_for() {
        let find = |typed: &str| Asked::Find { typed: typed.into() };
        assert_eq!(parse(" "), Asked::Here);
        assert_eq!(parse("payments high-error-rate"), find("payments high-error-rate"));
        assert_eq!(parse("payments “high error rate”"), find("payments “high error rate”"));
        assert_eq!(parse("\"payments\" 'x'"), find("payments 'x'"));
        assert_eq!(parse("show list"), find("list"));
        assert_eq!(parse("LIST payments"), Asked::List { service: "payments".into() });
        assert_eq!(parse("<#C1|payments> &amp; co"), find("#payments & co"));
        assert_eq!(parse("? list"), Asked::Help { about: "list".into() });
    }
}
