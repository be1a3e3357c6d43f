//! The grammar of `/status-check`, which is also `!status`.

use super::help::VERBS;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::slack::spoken;
use crate::slack::words::{first_word, quoted};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Show,
    Stalk,
    Unstalk,
    Help { about: String },
}

/// Reads the words after the command's name.
pub fn parse(raw: &str, config: &Config) -> Result<Asked> {
    let name = &config.commands.status;
    let (word, rest) = first_word(raw);
    if word.is_empty() {
        return Ok(Asked::Show);
    }
    let Some(verb) = spoken::find(VERBS, word) else {
        let hint = match spoken::near(VERBS, word) {
            Some(near) => format!("Did you mean `{name} {near}`?"),
            None => format!(
                "`{name}` alone shows the state of the systems; `{name} help` says what else there is."
            ),
        };
        return Err(Error::refused(format!("I do not know `{name} {}`. {hint}", quoted(word))));
    };
    if verb.word == "help" {
        return Ok(Asked::Help { about: rest.to_owned() });
    }
    if !rest.is_empty() {
        let what = format!("{name} {}", verb.word);
        return Err(Error::refused(format!(
            "`{what}` takes no more words, so “{}” says nothing to me. It is about all systems, and this channel.",
            quoted(rest)
        )));
    }
    match verb.word {
        "show" => Ok(Asked::Show),
        "stalk" => Ok(Asked::Stalk),
        "unstalk" => Ok(Asked::Unstalk),
        other => Err(Error::internal(format!("the registry has {other}, and the grammar has not"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config() -> Config {
        Config::from_toml("[slack]\nbot_token = 'x'\nsigning_secrets = ['x']")
            .unwrap_or_else(|p| panic!("{p}"))
    }

    #[test]
    fn words_become_what_was_asked_for() {
        let config = config();
        for (typed, asked) in [
            ("", Asked::Show),
            (" Show ", Asked::Show),
            ("STALK", Asked::Stalk),
            ("watch", Asked::Stalk),
            ("unstalk", Asked::Unstalk),
            ("? stalk", Asked::Help { about: "stalk".into() }),
        ] {
            assert_eq!(parse(typed, &config).unwrap_or_else(|e| panic!("{typed}: {e}")), asked);
        }
    }

    proptest! {
        #[test]
        fn nothing_typed_makes_it_panic(text in "(stalk |help |show )?\\PC{0,60}") {
            let _ = parse(&text, &config());
        }
    }
}
