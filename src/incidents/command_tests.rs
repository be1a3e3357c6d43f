//! The grammar, word by word. What people then read is told by the scenarios in `tests/all`.

use std::sync::Arc;

use proptest::prelude::*;

use super::command::{Asked, Target, Verb, parse};
use super::help::VERBS;
use super::model::{Kind, Role, Status};
use crate::config::Config;
use crate::error::Error;
use crate::ids::ChannelId;
use crate::oncall::{Directory, Known};

fn known() -> Known {
    let config = "[slack]\nbot_token = 'xoxb-1'\nsigning_secrets = ['s']\n[pagerduty]\ntoken = 't'\n\
                  from_email = 'a@example.com'\nwebhook_secrets = ['w']\n[[service]]\nname = 'payments'\n\
                  pagerduty_service = 'PABC123'\naliases = ['checkout']\n";
    let config = Config::from_toml(config).unwrap_or_else(|problems| panic!("{problems}"));
    Known { config: Arc::new(config), people: Arc::new(Directory::default()) }
}

fn asked(typed: &str) -> Asked {
    parse(typed, &known()).unwrap_or_else(|error| panic!("{typed}: {error}"))
}

/// (title, severity, service, switches) of a declaration.
fn declared(typed: &str) -> (String, Option<String>, Option<String>, String) {
    let Asked::Declare { new } = asked(typed) else { panic!("{typed} declares nothing") };
    let switches = [("private", new.private), ("test", new.test), ("no-page", new.no_page)];
    let switches: Vec<_> = switches.iter().filter(|s| s.1).map(|s| s.0).collect();
    (new.title, new.severity, new.service, switches.join(" "))
}

fn on(typed: &str) -> (Option<Target>, Verb) {
    let Asked::On { target, verb } = asked(typed) else { panic!("{typed} is about no incident") };
    (target, verb)
}

#[test]
fn the_severity_is_the_last_word() {
    let severity = |typed: &str| (declared(typed).0, declared(typed).1);
    for (typed, title, word) in [
        ("declare payments down sev1", "payments down", Some("sev1")),
        ("declare payments down SEV-2", "payments down", Some("SEV-2")),
        ("declare payments down p3", "payments down", Some("p3")),
        ("declare payments down sev 4", "payments down", Some("sev 4")),
        ("declare payments down Sev  4", "payments down", Some("Sev 4")),
        ("declare payments down critical!", "payments down", Some("critical")),
        ("declare “payments down sev1”", "payments down", Some("sev1")),
        ("declare \"payments down\" sev1", "payments down", Some("sev1")),
        ("declare payments down —sev1", "payments down", Some("sev1")),
        ("declare payments down --private sev1 --test", "payments down", Some("sev1")),
        ("declare sev1 payments down", "payments down", Some("sev1")),
        ("declare SEV2: search is slow", "search is slow", Some("SEV2")),
        ("declare sev1 and sev2 are mixed up sev3", "sev1 and sev2 are mixed up", Some("sev3")),
        ("declare p99 latency is high", "p99 latency is high", None),
        ("declare latency at p99", "latency at p99", None),
        ("declare gate 4", "gate 4", None),
        ("declare the severance page", "the severance page", None),
    ] {
        assert_eq!(severity(typed), (title.to_owned(), word.map(str::to_owned)), "{typed}");
    }
    for unknown in ["sev0", "p0", "sev9", "SEV 77", "p6"] {
        assert!(parse(&format!("declare x {unknown}"), &known()).is_err(), "{unknown}");
    }
}

#[test]
fn flags_stand_anywhere_and_dashes_may_be_long() {
    assert_eq!(
        declared("declare --service checkout it's — down —private --no-page sev1"),
        ("it's — down".into(), Some("sev1".into()), Some("checkout".into()), "private no-page".into())
    );
    assert_eq!(declared("declare x --service=“payments” --TEST").3, "test");
    assert_eq!(declared("declare x –test").3, "test");
}

#[test]
fn an_incident_is_named_before_or_after_the_verb() {
    let inc = |n| Some(Target::Number(n));
    for typed in [
        "status INC-7",
        "status 7",
        "status #7",
        "INC-7 status",
        "INC-7",
        "inc7",
        "status #inc-7-payments-down",
        "Show inc-7:",
    ] {
        assert_eq!(on(typed), (inc(7), Verb::Status), "{typed}");
    }
    let room = Some(Target::Channel(ChannelId::new("C1")));
    assert_eq!(on("ack <#C1|inc-7-payments>").0, room);
    assert_eq!(on("ack <#C1|>").0, room);
    assert_eq!(on("ack <#C1|general>").0, room);
    assert_eq!(on("resolve INC-7 all is well"), (inc(7), Verb::Resolve { text: "all is well".into() }));
    assert_eq!(on("INC-7 resolve all is well"), (inc(7), Verb::Resolve { text: "all is well".into() }));
    // Where words follow, a channel may be one of them.
    let text = "#general knows of it".to_owned();
    assert_eq!(on("update <#C1|general> knows of it"), (None, Verb::Update { status: None, text }));
    assert_eq!(on("update <#C1|inc-7-payments> x").0, room);
    // What is no number is a word.
    assert_eq!(on("note inc-redible").0, None);
    assert_eq!(on("note INC-99999999999999999999 x").0, None);
}

#[test]
fn a_timeline_has_pages() {
    let page = |typed| match on(typed) {
        (target, Verb::Timeline { page }) => (target, page),
        other => panic!("{typed}: {other:?}"),
    };
    let inc = |n| Some(Target::Number(n));
    assert_eq!(page("timeline"), (None, 1));
    assert_eq!(page("timeline page 2"), (None, 2));
    assert_eq!(page("timeline 7 page 2"), (inc(7), 2));
    assert_eq!(page("timeline page 2 INC-7"), (inc(7), 2));
    assert_eq!(page("INC-7 timeline —Page 3"), (inc(7), 3));
    for wrong in ["timeline page", "timeline page two", "timeline page -1", "timeline 7 2"] {
        assert!(parse(wrong, &known()).is_err(), "{wrong}");
    }
}

#[test]
fn updates_carry_a_status_in_either_form() {
    let update = |status, text: &str| (None, Verb::Update { status, text: text.into() });
    let identified = Some(Status::Identified);
    assert_eq!(on("update identified: the cache"), update(identified, "the cache"));
    assert_eq!(on("update Identified : the cache"), update(identified, "the cache"));
    assert_eq!(on("update the cache --status IDENTIFIED"), update(identified, "the cache"));
    assert_eq!(on("update —status identified the cache"), update(identified, "the cache"));
    assert_eq!(on("update note: the cache"), update(None, "note: the cache"));
    assert_eq!(on("update resolved the DNS problem"), update(None, "resolved the DNS problem"));
    assert_eq!(on("update"), (None, Verb::UpdateForm { status: None }));
    assert_eq!(on("update identified:"), (None, Verb::UpdateForm { status: identified }));
    assert_eq!(on("update &lt;b&gt; <https://x.y|x.y>\n“z”"), update(None, "<b> x.y\n“z”"));
    assert_eq!(on("update a\u{0}b\u{1b}[31m"), update(None, "ab[31m"));
}

#[test]
fn notes_have_a_time_and_a_type() {
    let Verb::Note { kind, at, text } = on("note rolled back —at 14:30 --type Action with --force").1
    else {
        panic!("no note")
    };
    assert_eq!(
        (kind, at.as_deref(), text.as_str()),
        (Kind::Action, Some("14:30"), "rolled back with --force")
    );
    assert!(parse("note x --tpye action", &known()).is_err(), "nearly a flag is a slip");
}

#[test]
fn roles_and_severities_have_short_forms() {
    let role = |role, who: Option<&str>| (None, Verb::Role { role, who: who.map(str::to_owned) });
    assert_eq!(on("role ic <@U1|ana>"), role(Role::Commander, Some("<@U1|ana>")));
    assert_eq!(on("ic <@U1|ana>"), role(Role::Commander, Some("<@U1|ana>")));
    assert_eq!(on("LEAD"), role(Role::Commander, None));
    assert_eq!(on("role <@U1|ana> scribe"), role(Role::Scribe, Some("<@U1|ana>")));
    let severity = |word: &str| (None, Verb::Severity { word: word.into() });
    assert_eq!(on("sev 2"), severity("sev2"));
    assert_eq!(on("severity critical"), severity("critical"));
    assert_eq!(on("sev1"), severity("sev1"));
    assert_eq!(on("SEV-1 INC-7"), (Some(Target::Number(7)), Verb::Severity { word: "SEV-1".into() }));
    assert_eq!(on("sev"), (None, Verb::Severities));
}

#[test]
fn the_registry_and_the_grammar_have_the_same_verbs() {
    for verb in VERBS {
        for word in [verb.word].iter().chain(verb.aliases) {
            let upper = word.to_uppercase();
            match parse(&upper, &known()) {
                Ok(Asked::On { verb: found, .. }) => assert_eq!(found.word(), verb.word),
                Ok(_) => {}
                Err(Error::Refused(text)) => assert!(!text.contains("do not know"), "{word}: {text}"),
                Err(other) => panic!("{word}: {other}"),
            }
        }
        let example = parse(verb.example, &known());
        assert!(example.is_ok(), "the example of {}: {example:?}", verb.word);
    }
}

proptest! {
    #[test]
    fn whatever_is_typed_is_understood_or_refused(typed in "\\PC{0,80}") {
        refuses_with_words(&typed);
    }

    #[test]
    fn whatever_follows_a_verb_is_understood_or_refused(verb in 0..VERBS.len(), rest in "[ \\PC\\n\"“”<>#@|&;:=-]{0,60}") {
        refuses_with_words(&format!("{} {rest}", VERBS[verb].word));
    }
}

fn refuses_with_words(typed: &str) {
    match parse(typed, &known()) {
        Ok(Asked::Declare { new }) => assert!(!new.title.trim().is_empty()),
        Ok(_) => {}
        Err(Error::Refused(text) | Error::NotFound(text)) => assert!(!text.is_empty()),
        Err(other) => panic!("{typed:?}: {other}"),
    }
}
