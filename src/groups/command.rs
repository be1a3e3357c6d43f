//! The grammar of `/oncall`: words in, what was asked for out. What is no subcommand is somebody or something to look
//! up.

use super::help::VERBS;
use super::model::{target, targets};
use crate::config::nearest_few;
use crate::error::{Error, Result};
use crate::oncall::Known;
use crate::slack::spoken;
use crate::slack::words::{
    self, Flag, Reference, Unknown, first_word, quoted, reference, switch, take_flags, unquoted,
};

const NO_GROUPS: &str = "No user group follows a rota here. An administrator can name some under [[group]] in Firebell's configuration.";

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Who is on call, everywhere.
    Overview {
        is_public: bool,
    },
    Help {
        about: String,
    },
    Lookup(Lookup),
    /// About a kept group, by its handle as configured; so are the next ones.
    Why {
        group: String,
    },
    Sync {
        group: Option<String>,
    },
    Rollback {
        group: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// As Slack delivered it: a mention, or words.
    pub typed: String,
    pub only_next: bool,
    pub is_public: bool,
}

const FLAGS: &[Flag] = &[switch("next"), switch("public")];

/// Reads the words after the command's name.
pub fn parse(raw: &str, known: &Known) -> Result<Asked> {
    let (word, rest) = first_word(raw);
    if spoken::find(VERBS, word).is_some_and(|v| v.word == "help") {
        return Ok(Asked::Help { about: words::plain(rest) });
    }
    let flags = take_flags(raw, FLAGS, Unknown::IsRefused)?;
    let (only_next, is_public) = (flags.has("next"), flags.has("public"));
    let (word, rest) = first_word(&flags.text);
    let verb = spoken::find(VERBS, word).map_or("", |v| v.word);
    let lookup = |typed: &str| Asked::Lookup(Lookup { typed: typed.to_owned(), only_next, is_public });
    let name = &known.config.commands.oncall;
    match verb {
        "" if word.is_empty() => Ok(Asked::Overview { is_public }),
        "" => Ok(lookup(&flags.text)),
        "lookup" if !rest.is_empty() => Ok(lookup(rest)),
        "list" | "lookup" if rest.is_empty() => Ok(Asked::Overview { is_public }),
        "list" => Err(Error::refused(format!(
            "`{name} list` takes no more words. To look somebody or something up: `{name} lookup {}`.",
            quoted(rest)
        ))),
        verb if only_next || is_public => Err(Error::refused(format!(
            "`{name} {verb}` takes no flags; `--next` and `--public` are for looking up who is on call."
        ))),
        "why" => Ok(Asked::Why { group: group(rest, verb, known)? }),
        "sync" if rest.is_empty() => Ok(Asked::Sync { group: None }),
        "sync" => Ok(Asked::Sync { group: Some(group(rest, verb, known)?) }),
        "rollback" => Ok(Asked::Rollback { group: group(rest, verb, known)? }),
        other => Err(Error::internal(format!("the registry has {other}, and the grammar has not"))),
    }
}

/// The kept group that is meant: a mention, or a handle with or without `@`.
fn group(typed: &str, verb: &str, known: &Known) -> Result<String> {
    let kept = targets(&known.config);
    let Some(first) = kept.first() else { return Err(Error::refused(NO_GROUPS)) };
    let name = &known.config.commands.oncall;
    if typed.is_empty() {
        let example = format!("`{name} {verb} @{}`", first.handle);
        return Err(Error::refused(format!("Which group? {example}. {}", kept_ones(known))));
    }
    let plain = words::plain(unquoted(typed));
    let mentioned = match reference(unquoted(typed)) {
        Some(Reference::Group(id)) => known.people.group(&id).map(|g| format!("@{}", g.handle)),
        _ => None,
    };
    let handle = mentioned.unwrap_or(plain);
    if let Some(target) = target(&known.config, handle.trim()) {
        return Ok(target.handle.to_owned());
    }
    let said = quoted(&handle);
    let near = nearest_few(handle.trim_start_matches('@'), kept.iter().map(|t| t.handle), 3);
    let hint = match near.as_slice() {
        [] => kept_ones(known),
        near => did_you_mean(near.iter().map(|near| format!("{name} {verb} @{near}"))),
    };
    let what = if known.people.group(&handle).is_some() {
        format!("{said} follows no rota: no [[group]] in the configuration names it.")
    } else {
        format!("No group called {said} follows a rota.")
    };
    Err(Error::not_found(format!("{what} {hint}")))
}

/// `Those that do: @payments-oncall, @search-oncall and 3 more.`
fn kept_ones(known: &Known) -> String {
    let kept = targets(&known.config);
    let shown: Vec<String> = kept.iter().take(3).map(|t| format!("`@{}`", t.handle)).collect();
    let more = if kept.len() > 3 { format!(" and {} more", kept.len() - 3) } else { String::new() };
    format!("Groups that follow one: {}{more}.", shown.join(", "))
}

/// `Did you mean x, y or z?`
pub(super) fn did_you_mean(commands: impl Iterator<Item = String>) -> String {
    let commands: Vec<String> = commands.map(|c| format!("`{c}`")).collect();
    match commands.as_slice() {
        [] => String::new(),
        [one] => format!("Did you mean {one}?"),
        [first @ .., last] => format!("Did you mean {} or {last}?", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;
    use crate::ids::UserGroupId;
    use crate::oncall::{Directory, Group};
    use crate::store::Json;

    fn known() -> Known {
        let config = "[slack]\nbot_token = 'xoxb-1'\nsigning_secrets = ['s']\n[pagerduty]\ntoken = 't'\n\
                      from_email = 'a@example.com'\nwebhook_secrets = ['w']\n[[group]]\nhandle = '@pay-oncall'\n\
                      schedules = ['PSCHED1']\n";
        let config = Config::from_toml(config).unwrap_or_else(|problems| panic!("{problems}"));
        let group = |id: &str, handle: &str| Group {
            id: UserGroupId::new(id),
            handle: handle.into(),
            name: handle.into(),
            members: Json(Vec::new()),
            is_disabled: false,
        };
        let groups = vec![group("S1", "pay-oncall"), group("S2", "leads")];
        Known { config: Arc::new(config), people: Arc::new(Directory { groups, ..Directory::default() }) }
    }

    fn asked(typed: &str) -> Asked {
        parse(typed, &known()).unwrap_or_else(|error| panic!("{typed}: {error}"))
    }

    fn refused(typed: &str) -> String {
        parse(typed, &known()).expect_err(typed).to_string()
    }

    #[test]
    fn words_become_what_was_asked_for() {
        let lookup = |typed: &str, only_next, is_public| {
            Asked::Lookup(Lookup { typed: typed.into(), only_next, is_public })
        };
        assert_eq!(asked(""), Asked::Overview { is_public: false });
        assert_eq!(asked(" LIST  --public"), Asked::Overview { is_public: true });
        assert_eq!(asked("lookup"), Asked::Overview { is_public: false });
        assert_eq!(asked("payments —next"), lookup("payments", true, false));
        assert_eq!(asked("--public lookup “Payments primary”"), lookup("“Payments primary”", false, true));
        assert_eq!(asked("lookup why"), lookup("why", false, false));
        for group in
            ["<!subteam^S1|@pay-oncall>", "<!subteam^S1>", "@pay-oncall", "Pay-Oncall", "\"@pay-oncall\""]
        {
            assert_eq!(asked(&format!("why {group}")), Asked::Why { group: "pay-oncall".into() });
        }
        assert_eq!(asked("Sync"), Asked::Sync { group: None });
        assert_eq!(asked("sync @pay-oncall"), Asked::Sync { group: Some("pay-oncall".into()) });
        assert_eq!(asked("undo @pay-oncall"), Asked::Rollback { group: "pay-oncall".into() });
        assert_eq!(asked("--help why"), Asked::Help { about: "why".into() });
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let said =
            ["why", "why @pay-onkall", "rollback <!subteam^S2|@leads>", "sync --next", "x --nxt", "list x"];
        insta::assert_snapshot!(said.map(refused).join("\n"), @"
        Which group? `/oncall why @pay-oncall`. Groups that follow one: `@pay-oncall`.
        No group called @pay-onkall follows a rota. Did you mean `/oncall why @pay-oncall`?
        @leads follows no rota: no [[group]] in the configuration names it. Groups that follow one: `@pay-oncall`.
        `/oncall sync` takes no flags; `--next` and `--public` are for looking up who is on call.
        I do not know `--nxt`. Did you mean `--next`?
        `/oncall list` takes no more words. To look somebody or something up: `/oncall lookup x`.
        ");
    }

    proptest! {
        #[test]
        fn nothing_typed_makes_it_panic(text in "(why |sync |rollback |lookup |--next )?\\PC{0,60}") {
            let _ = parse(&text, &known());
        }
    }
}
