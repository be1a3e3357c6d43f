//! The grammar of `/page` and `/ic`: words in, what was asked for out.

use super::help::VERBS;
use crate::config::nearest_few;
use crate::error::{Error, Result};
use crate::oncall::Known;
use crate::slack::blocks;
use crate::slack::spoken::{HELP, find};
use crate::slack::words::{
    Flag, Unknown, Words, first_word, is_blank, is_quote, last_word, plain, plain_addressed, quoted, switch,
    take_flags, unquoted,
};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Help {
        about: String,
    },
    /// `/page`.
    Page {
        /// As Slack delivered them: mentions, or one thing in words.
        whom: Vec<String>,
        /// The word after it that may be meant, too.
        also: Option<String>,
        message: String,
        manner: Manner,
    },
    /// Who commands.
    Commanders {
        is_public: bool,
    },
    /// Who responds for each team.
    Responders {
        is_public: bool,
    },
    /// How somebody is reached.
    Who {
        whom: String,
    },
    PageCommanders {
        manner: Manner,
    },
    PageResponders {
        manner: Manner,
    },
    PagePerson {
        whom: Vec<String>,
        manner: Manner,
    },
}

/// How people are to be paged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// However many they are.
    pub all: bool,
    /// Although they have just been paged.
    pub again: bool,
    /// Nobody in fact.
    pub is_test: bool,
}

impl Manner {
    fn of(flags: &Words) -> Self {
        Self { all: flags.has("all"), again: flags.has("again"), is_test: flags.has("test") }
    }

    /// As it is typed, each with a space before it.
    pub fn written(self) -> String {
        let flags = [(self.all, " --all"), (self.again, " --again"), (self.is_test, " --test")];
        flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).collect()
    }
}

impl Asked {
    /// Whether it is answered from memory, and nothing happens.
    pub fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::Help { .. } | Self::Commanders { .. } | Self::Responders { .. } | Self::Who { .. }
        )
    }
}

const PAGE_FLAGS: &[Flag] = &[switch("all"), switch("again"), switch("test")];
const IC_FLAGS: &[Flag] = &[switch("all"), switch("again"), switch("test"), switch("public")];

/// Reads the words after `/page`.
pub fn page(raw: &str, known: &Known) -> Result<Asked> {
    let name = &known.config.commands.page;
    let (word, rest) = first_word(raw);
    if word.is_empty() || is_help(word) && first_word(rest).1.is_empty() {
        return Ok(Asked::Help { about: String::new() });
    }
    // Flags stand before the message, or behind one in quotes. In it they are words, as in "ran it with --force".
    let (front, rest) = leading_flags(raw);
    let Addressed { whom, also, rest } = addressed(rest);
    if let [first, ..] = whom[..]
        && first.starts_with(is_quote)
        && !first.chars().skip(1).last().is_some_and(is_quote)
    {
        let word = quoted(first.trim_matches(is_quote));
        return Err(Error::refused(format!(
            "The quote before {word} is not closed: `{name} \"{word} …\" …`."
        )));
    }
    let (behind, typed) = leading_flags(rest);
    let (typed, last) = flags_after_quotes(typed);
    let flags = take_flags(&format!("{front} {behind} {last}"), PAGE_FLAGS, Unknown::IsRefused)?;
    if whom.iter().any(|whom| unquoted(whom).trim_matches(is_quote).trim().is_empty()) {
        return Err(Error::refused(format!("Whom? `{name} payments the checkout is down`.")));
    }
    // At its end one of ours may be either: nobody is to be woken by a test, or not woken by a word.
    let last = last_word(typed).1.trim_start_matches(['-', '—', '–']);
    if last.len() < last_word(typed).1.len() && PAGE_FLAGS.iter().any(|f| f.name.eq_ignore_ascii_case(last)) {
        return Err(Error::refused(format!(
            "Is `--{last}` meant for me, or part of the message? If it is for me, put it first: `{name} --{last} {} …`; if not, put \
             the message in quotes.",
            all_quoted(&whom)
        )));
    }
    let owned = |word: &str| word.to_owned();
    Ok(Asked::Page {
        whom: whom.into_iter().map(owned).collect(),
        also: also.filter(|_| behind.is_empty()).map(owned),
        message: message(typed, known),
        manner: Manner::of(&flags),
    })
}

/// Reads the words after `/ic`.
pub fn ic(raw: &str, known: &Known) -> Result<Asked> {
    let (word, rest) = first_word(raw);
    if find(VERBS, word).is_some_and(|v| v.word == "help") {
        return Ok(Asked::Help { about: plain(rest) });
    }
    let name = &known.config.commands.ic;
    let flags = take_flags(raw, IC_FLAGS, Unknown::IsRefused)?;
    let (manner, is_public) = (Manner::of(&flags), flags.has("public"));
    let (word, rest) = first_word(&flags.text);
    let verb = find(VERBS, word).map_or("", |v| v.word);
    let is_page = verb == "page";
    if is_public && !matches!(verb, "" | "list" | "responders") || manner != Manner::default() && !is_page {
        return Err(Error::refused(format!(
            "`--public` is for `{name}` and `{name} responders`; `--all`, `--again` and `--test` are for `{name} page`."
        )));
    }
    match (verb, rest) {
        ("", "") if word.is_empty() => Ok(Asked::Commanders { is_public }),
        ("list", "") => Ok(Asked::Commanders { is_public }),
        ("responders", "") => Ok(Asked::Responders { is_public }),
        ("who", "") => Err(Error::refused(format!("Whom do you want to reach? `{name} who @ana`."))),
        ("who", whom) => Ok(Asked::Who { whom: whom.to_owned() }),
        ("page", "") => Ok(Asked::PageCommanders { manner }),
        ("page", whom) if is_word(whom, "responders") => Ok(Asked::PageResponders { manner }),
        ("page", whom) if is_word(whom, "list") => Ok(Asked::PageCommanders { manner }),
        ("page", whom) => Ok(Asked::PagePerson { whom: persons(whom, known)?, manner }),
        ("list" | "responders", rest) => Err(Error::refused(format!(
            "`{name} {verb}` takes no more words. To look somebody up: `{name} who {}`.",
            quoted(rest)
        ))),
        _ => Err(unknown(&flags.text, known)),
    }
}

fn is_help(word: &str) -> bool {
    HELP.iter().any(|h| word.eq_ignore_ascii_case(h))
}

fn is_word(text: &str, verb: &str) -> bool {
    find(VERBS, unquoted(text)).is_some_and(|v| v.word == verb)
}

/// Whom `/ic page` is to page: mentions, or one name of however many words.
fn persons(typed: &str, known: &Known) -> Result<Vec<String>> {
    if !is_mention(typed) {
        return Ok(vec![typed.to_owned()]);
    }
    let Addressed { whom, rest, .. } = addressed(typed);
    if !rest.is_empty() {
        let commands = &known.config.commands;
        return Err(Error::refused(format!(
            "`{} page` takes no message, so I have paged nobody. To say something to them: `{} {} {}`.",
            commands.ic,
            commands.page,
            all_quoted(&whom),
            quoted(rest)
        )));
    }
    Ok(whom.into_iter().map(str::to_owned).collect())
}

/// As they are typed once more.
pub fn all_quoted<T: AsRef<str>>(whom: &[T]) -> String {
    whom.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

/// A verb that was meant, or somebody.
fn unknown(typed: &str, known: &Known) -> Error {
    let name = &known.config.commands.ic;
    let typed = plain(typed);
    let (word, rest) = first_word(&typed);
    let verbs = VERBS.iter().map(|v| v.word).filter(|w| !w.contains(' '));
    let hint = match nearest_few(word, verbs, 1).as_slice() {
        [near] => format!("Did you mean `{}`?", format!("{name} {near} {}", quoted(rest)).trim()),
        _ => format!(
            "To reach somebody: `{name} who {}`. `{name} help` says what I understand.",
            quoted(&typed)
        ),
    };
    Error::refused(format!("I do not know `{name} {}`. {hint}", quoted(word)))
}

/// The words that begin with dashes, before anything else is said; and the rest.
fn leading_flags(raw: &str) -> (&str, &str) {
    let raw = raw.trim();
    let mut rest = raw;
    while rest.starts_with("--") || rest.starts_with(['—', '–']) {
        rest = first_word(rest).1;
    }
    raw.split_at(raw.len() - rest.len())
}

/// A message that stands in quotes, and the words with dashes that follow it: which is which leaves no doubt.
fn flags_after_quotes(typed: &str) -> (&str, &str) {
    let is_flag = |word: &str| {
        let name = word.trim_start_matches(['-', '—', '–']);
        name.len() < word.len() && name.starts_with(char::is_alphabetic)
    };
    let Some((at, close)) = typed.char_indices().rfind(|(_, c)| is_quote(*c)) else { return (typed, "") };
    let (message, after) = typed.split_at(at + close.len_utf8());
    if typed.starts_with(is_quote) && at > 0 && after.split_whitespace().all(is_flag) {
        return (message, after);
    }
    (typed, "")
}

/// Whom it is for, and what is said to them.
struct Addressed<'a> {
    whom: Vec<&'a str>,
    /// In `payments, search: all is down` nothing tells whether `search` is one of them.
    also: Option<&'a str>,
    rest: &'a str,
}

/// Something or somebody, and the mentions that follow: `@ana and @ben`. A colon ends them.
fn addressed(text: &str) -> Addressed<'_> {
    let (first, mut rest) = split_target(text);
    let mut whom = vec![first];
    let mut also = None;
    while !rest.starts_with(':') {
        let (joint, next) = past_joint(rest);
        if is_mention(next) {
            let (another, after) = split_target(next);
            whom.push(another);
            rest = after;
            continue;
        }
        also = joint.then(|| first_word(next).0.trim_end_matches([',', ':'])).filter(|word| !word.is_empty());
        break;
    }
    Addressed { whom, also, rest: rest.trim_start_matches([',', ':']).trim() }
}

/// Past what stands between two names, if it does.
fn past_joint(text: &str) -> (bool, &str) {
    let text = text.trim();
    let after_comma = text.trim_start_matches([',', '+']).trim();
    let (word, after) = first_word(after_comma);
    let is_and = ["and", "&amp;", "&"].iter().any(|and| word.eq_ignore_ascii_case(and));
    let after = if is_and { after } else { after_comma };
    (after.len() < text.len(), after)
}

fn is_mention(text: &str) -> bool {
    text.starts_with("<@")
        || text.starts_with("<!subteam^")
        || text.strip_prefix('@').is_some_and(|name| name.starts_with(char::is_alphanumeric))
}

/// A mention, words in quotes, or one word; and the rest, with the comma or colon between them.
fn split_target(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = match text.chars().next() {
        Some('<') => text.find('>').map(|at| at + 1),
        Some(first) if is_quote(first) => {
            let inner = &text[first.len_utf8()..];
            let close = inner.char_indices().find(|(_, c)| is_quote(*c));
            close.map(|(at, c)| first.len_utf8() + at + c.len_utf8())
        }
        _ => None,
    };
    let end = end.unwrap_or_else(|| first_word(text).0.trim_end_matches([',', ':']).len());
    (&text[..end], text[end..].trim())
}

/// What those who are paged read: one text without markup, where a link keeps its address. Where it is too long for PagerDuty, that is said.
fn message(typed: &str, known: &Known) -> String {
    let text = plain_addressed(unquoted(typed), |user| known.people.name_of(user));
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = blocks::plain(&words, usize::MAX);
    if is_blank(&text) { String::new() } else { text.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;
    use crate::oncall::Directory;

    fn known() -> Known {
        let config = Config::from_toml("[slack]\nbot_token = 'xoxb-1'\nsigning_secrets = ['s']\n");
        Known { config: Arc::new(config.expect("a configuration")), people: Arc::new(Directory::default()) }
    }

    fn paged(typed: &str) -> (String, String, bool, bool) {
        match page(typed, &known()) {
            Ok(Asked::Page { whom, message, manner, .. }) => {
                (whom.join(" + "), message, manner.all, manner.is_test)
            }
            other => panic!("{typed}: {other:?}"),
        }
    }

    fn asked(typed: &str) -> Asked {
        ic(typed, &known()).unwrap_or_else(|error| panic!("{typed}: {error}"))
    }

    #[test]
    fn a_page_is_somebody_and_why() {
        let plain = |whom: &str, message: &str| (whom.to_owned(), message.to_owned(), false, false);
        assert_eq!(paged("payments the  checkout\nis down"), plain("payments", "the checkout is down"));
        assert_eq!(paged("<@U1|Ana Example> come"), plain("<@U1|Ana Example>", "come"));
        assert_eq!(paged("“Payments primary”: \"db is down\""), plain("“Payments primary”", "db is down"));
        assert_eq!(paged("@ana, come"), plain("@ana", "come"));
        assert_eq!(paged("ana ran it with --force"), plain("ana", "ran it with --force"));
        assert_eq!(paged("help me please"), plain("help", "me please"));
        assert_eq!(paged("ana \u{200b} \u{feff}"), plain("ana", ""));
        assert_eq!(paged("ana a &lt; b &amp; <https://x.y|x.y>"), plain("ana", "a < b & x.y"));
        assert_eq!(
            paged("ana see <https://runbooks.example/db|the runbook>"),
            plain("ana", "see the runbook (https://runbooks.example/db)")
        );
        assert_eq!(paged("ana a --test of --all of it"), plain("ana", "a --test of --all of it"));
        for both in ["--all —test @leads come", "—test @leads --all come"] {
            assert_eq!(paged(both), ("@leads".into(), "come".into(), true, true));
        }
        let flagged = |message: &str, is_test| ("ana".to_owned(), message.to_owned(), false, is_test);
        assert_eq!(paged("ana \"db is down\" --test"), flagged("db is down", true));
        assert_eq!(paged("ana “db is down” —test"), flagged("db is down", true));
        assert_eq!(paged("ana \"ran it with --test\""), flagged("ran it with --test", false));
        assert_eq!(paged("ana \"db\" is down — now"), flagged("\"db\" is down — now", false));
        for help in ["", "help", " HELP ", "--help"] {
            assert!(matches!(page(help, &known()), Ok(Asked::Help { .. })), "{help}");
        }
    }

    #[test]
    fn whoever_is_mentioned_first_is_paged() {
        let several = |typed: &str| match page(typed, &known()) {
            Ok(Asked::Page { whom, also, message, .. }) => {
                format!("{} | {message} | {}", whom.join(" + "), also.unwrap_or_default())
            }
            other => panic!("{typed}: {other:?}"),
        };
        for typed in [
            "<@U1|ana> <@U2|ben> please come",
            "<@U1|ana>, <@U2|ben>: please come",
            "<@U1|ana><@U2|ben> please come",
            "<@U1|ana> , and <@U2|ben> please come",
            "<@U1|ana> &amp; <@U2|ben> please come",
        ] {
            assert_eq!(several(typed), "<@U1|ana> + <@U2|ben> | please come | ", "{typed}");
        }
        assert_eq!(several("payments, @ana and @ben: down"), "payments + @ana + @ben | down | ");
        assert_eq!(several("@ana: @ben is out"), "@ana | @ben is out | ");
        assert_eq!(several("@ana @ 5 pm"), "@ana | @ 5 pm | ");
        assert_eq!(several("payments, search: down"), "payments | search: down | search");
        assert_eq!(several("ana and ben come"), "ana | and ben come | ben");
        assert_eq!(several("@ana @ben, search: down"), "@ana + @ben | search: down | search");
        assert_eq!(several("ana \"and ben come\""), "ana | and ben come | ");
    }

    #[test]
    fn the_words_of_ic() {
        let manner = Manner::default();
        assert_eq!(asked(""), Asked::Commanders { is_public: false });
        assert_eq!(asked("--public"), Asked::Commanders { is_public: true });
        assert_eq!(asked("Page"), Asked::PageCommanders { manner });
        assert_eq!(asked("responders"), Asked::Responders { is_public: false });
        assert_eq!(asked("page responders"), Asked::PageResponders { manner });
        assert_eq!(
            asked("page responder --test"),
            Asked::PageResponders { manner: Manner { is_test: true, ..manner } }
        );
        assert_eq!(asked("who rich adams"), Asked::Who { whom: "rich adams".into() });
        let persons = |whom: &[&str]| Asked::PagePerson {
            whom: whom.iter().map(|&word| word.to_owned()).collect(),
            manner,
        };
        assert_eq!(asked("page <@U1|rich>"), persons(&["<@U1|rich>"]));
        assert_eq!(asked("page <@U1|rich> and @ben"), persons(&["<@U1|rich>", "@ben"]));
        assert_eq!(asked("page rich adams"), persons(&["rich adams"]));
        assert_eq!(asked("? page"), Asked::Help { about: "page".into() });
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let of_page = ["--tset ana come", "ana \"come\" --high", "--all", "\"\" x", "ana ran it —Test"];
        let of_page = of_page.map(|typed| page(typed, &known()).expect_err(typed).to_string());
        let of_ic = ["who", "pag", "rspnders", "rich adams", "list x", "who ana --public", "--all", "`x`"];
        let of_ic = of_ic.map(|typed| ic(typed, &known()).expect_err(typed).to_string());
        insta::assert_snapshot!([of_page.join("\n"), of_ic.join("\n")].join("\n"), @"
        I do not know `--tset`. Did you mean `--test`?
        I do not know `--high`. I know `--all`, `--again`, `--test`.
        Whom? `/page payments the checkout is down`.
        Whom? `/page payments the checkout is down`.
        Is `--Test` meant for me, or part of the message? If it is for me, put it first: `/page --Test ana …`; if not, put the message in quotes.
        Whom do you want to reach? `/ic who @ana`.
        I do not know `/ic pag`. Did you mean `/ic page`?
        I do not know `/ic rspnders`. Did you mean `/ic responders`?
        I do not know `/ic rich`. To reach somebody: `/ic who rich adams`. `/ic help` says what I understand.
        `/ic list` takes no more words. To look somebody up: `/ic who x`.
        `--public` is for `/ic` and `/ic responders`; `--all`, `--again` and `--test` are for `/ic page`.
        `--public` is for `/ic` and `/ic responders`; `--all`, `--again` and `--test` are for `/ic page`.
        I do not know `/ic ˋxˋ`. To reach somebody: `/ic who ˋxˋ`. `/ic help` says what I understand.
        ");
    }

    proptest! {
        #[test]
        fn nothing_typed_makes_it_panic(text in "(page |who |--all |<@|\")?\\PC{0,60}") {
            let _ = page(&text, &known());
            let _ = ic(&text, &known());
        }
    }
}
