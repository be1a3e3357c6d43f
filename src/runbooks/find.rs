//! Which runbook is meant: by service, alert or title, however it is spelt. Pure, and never a path.

use std::collections::BTreeSet;

use super::model::{Index, Runbook, squashed, words};
use crate::config::{Config, nearest_few};

/// What a few words may mean.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    One(&'a Runbook),
    /// All of these, as far as the words go.
    Several(Vec<&'a Runbook>),
    /// None; these are spelt alike.
    Near(Vec<String>),
}

/// What people call a runbook: `payments HighErrorRate`.
pub fn name_of(runbook: &Runbook) -> String {
    let name = runbook.alerts.first().unwrap_or(&runbook.title);
    match runbook.services.first() {
        Some(service) if !is_two_words(service) => format!("{service} {name}"),
        _ => name.clone(),
    }
}

/// What to type for this one of the index and no other: its alert, or where others have the same, its title or its file.
pub fn typed_for(index: &Index, config: &Config, runbook: &Runbook) -> String {
    let title = format!("\"{}\"", runbook.title.replace('"', ""));
    let with_service = match runbook.services.first() {
        Some(service) if !is_two_words(service) => format!("{service} {title}"),
        _ => title.clone(),
    };
    let leads_there =
        |typed: &String| matches!(find(index, config, typed), Found::One(one) if std::ptr::eq(one, runbook));
    let forms = [name_of(runbook), with_service, title].into_iter().chain(runbook.file.clone());
    forms.into_iter().find(leads_there).unwrap_or_else(|| name_of(runbook))
}

/// Those of a service, by its name or alias.
pub fn of_service<'a>(index: &'a Index, config: &Config, service: &str) -> Vec<&'a Runbook> {
    let names: Vec<&str> = match config.service(service) {
        Ok(known) => known.words().chain([service]).collect(),
        Err(_) => vec![service],
    };
    index.runbooks.iter().filter(|runbook| names.iter().any(|name| runbook.is_about(name))).collect()
}

/// `payments`, `payments high-error-rate`, `HighErrorRate`, `Payments: high error rate`.
pub fn find<'a>(index: &'a Index, config: &Config, typed: &str) -> Found<'a> {
    let all: Vec<&Runbook> = index.runbooks.iter().collect();
    // The whole may be a name by itself; a service has more than one runbook.
    let whole = named(&all, typed);
    if let [one] = whole.as_slice() {
        return Found::One(one);
    }
    for (service, rest) in splits(typed) {
        let of_it = of_service(index, config, &service);
        if of_it.is_empty() {
            continue;
        }
        return match rest.as_str() {
            "" => some(of_it),
            rest => within(&of_it, rest),
        };
    }
    if whole.is_empty() { within(&all, typed) } else { some(whole) }
}

/// The first words as the service's name, the longest first; and what follows.
fn splits(typed: &str) -> impl Iterator<Item = (String, String)> {
    let words: Vec<&str> = typed.split_whitespace().collect();
    let most = words.len().min(4);
    let splits: Vec<_> = (1..=most).rev().map(|at| (words[..at].join(" "), words[at..].join(" "))).collect();
    splits.into_iter()
}

/// By the very letters of a name, then by words that all stand in one, then by what is spelt alike.
fn within<'a>(among: &[&'a Runbook], typed: &str) -> Found<'a> {
    let exact = named(among, typed);
    if !exact.is_empty() {
        return some(exact);
    }
    let wanted = words(typed);
    let has_all = |runbook: &Runbook| {
        let own: BTreeSet<String> =
            runbook.names().chain(runbook.services.iter().map(String::as_str)).flat_map(words).collect();
        !wanted.is_empty() && wanted.iter().all(|word| own.contains(word))
    };
    let fitting: Vec<&Runbook> = among.iter().copied().filter(|runbook| has_all(runbook)).collect();
    if !fitting.is_empty() {
        return some(fitting);
    }
    let keys: Vec<(String, &Runbook)> =
        among.iter().flat_map(|runbook| runbook.names().map(|name| (squashed(name), *runbook))).collect();
    let near = nearest_few(&squashed(typed), keys.iter().map(|(key, _)| key.as_str()), 3);
    let mut alike: Vec<&Runbook> = Vec::new();
    for (_, runbook) in near.iter().flat_map(|near| keys.iter().filter(move |(key, _)| key == near)) {
        if !alike.contains(runbook) {
            alike.push(runbook);
        }
    }
    match alike.as_slice() {
        // One letter wrong in one name is clear; people see the title.
        [one] => Found::One(one),
        alike if alike.is_empty() && among.len() <= 3 => {
            Found::Near(among.iter().map(|r| name_of(r)).collect())
        }
        alike => Found::Near(alike.iter().map(|r| name_of(r)).collect()),
    }
}

fn named<'a>(among: &[&'a Runbook], typed: &str) -> Vec<&'a Runbook> {
    let typed = squashed(typed);
    let is_named = |runbook: &&&Runbook| {
        runbook.names().chain(runbook.file.as_deref()).any(|name| squashed(name) == typed)
    };
    if typed.is_empty() { Vec::new() } else { among.iter().filter(is_named).copied().collect() }
}

fn some(mut found: Vec<&Runbook>) -> Found<'_> {
    if found.len() == 1 { Found::One(found.remove(0)) } else { Found::Several(found) }
}

fn is_two_words(name: &str) -> bool {
    name.contains(char::is_whitespace)
}

/// Services that are spelt alike, when nothing was found.
pub fn near_services(index: &Index, typed: &str) -> Vec<String> {
    let first = typed.split_whitespace().next().unwrap_or_default();
    let services: BTreeSet<&str> =
        index.runbooks.iter().flat_map(|r| r.services.iter().map(String::as_str)).collect();
    nearest_few(first, services, 3).into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index() -> Index {
        let runbook = |services: &[&str], alerts: &[&str], title: &str| Runbook {
            title: title.into(),
            services: services.iter().map(|s| (*s).to_owned()).collect(),
            alerts: alerts.iter().map(|a| (*a).to_owned()).collect(),
            ..Runbook::default()
        };
        let runbooks = vec![
            runbook(&["payments"], &["HighErrorRate"], "Payments: high error rate"),
            runbook(&["payments"], &["SlowCheckout", "CheckoutTimeouts"], "Slow checkout"),
            runbook(&["search"], &["HighErrorRate"], "Search errors"),
            runbook(&["pay api"], &[], "The old API"),
            runbook(&[], &[], "Declaring a disaster"),
        ];
        Index { runbooks, ..Index::default() }
    }

    fn config() -> Config {
        Config::from_toml("[slack]\nbot_token = 'x'\nsigning_secrets = ['x']\n[pagerduty]\ntoken = 't'\nfrom_email = 'a@example.com'\nwebhook_secrets = ['w']\n[[service]]\nname = 'payments'\naliases = ['checkout-service']\npagerduty_service = 'P1'")
            .unwrap_or_else(|p| panic!("{p}"))
    }

    fn found(typed: &str) -> String {
        match find(&index(), &config(), typed) {
            Found::One(one) => one.title.clone(),
            Found::Several(several) => {
                format!("several: {}", several.iter().map(|r| name_of(r)).collect::<Vec<_>>().join(", "))
            }
            Found::Near(near) => format!("near: {}", near.join(", ")),
        }
    }

    #[test]
    fn names_lead_to_runbooks() {
        for (typed, title) in [
            ("payments high-error-rate", "Payments: high error rate"),
            ("Payments HighErrorRate", "Payments: high error rate"),
            ("payments hihg-error-rate", "Payments: high error rate"),
            ("checkout-service high error rate", "Payments: high error rate"),
            ("search", "Search errors"),
            ("search error", "Search errors"),
            ("pay api", "The old API"),
            ("disaster", "Declaring a disaster"),
            ("declaring a disatser", "Declaring a disaster"),
            ("payments timeouts", "Slow checkout"),
            ("payments", "several: payments HighErrorRate, payments SlowCheckout"),
            ("high-error-rate", "several: payments HighErrorRate, search HighErrorRate"),
            ("payments disk full", "near: payments HighErrorRate, payments SlowCheckout"),
            ("warehouse", "near: "),
            ("../../etc/passwd", "near: "),
            ("—", "near: "),
        ] {
            assert_eq!(found(typed), title, "{typed}");
        }
        assert_eq!(near_services(&index(), "paymnets x"), ["payments"]);
    }

    #[test]
    fn every_runbook_can_be_named() {
        let index = index();
        for runbook in &index.runbooks {
            assert_eq!(
                find(&index, &config(), &name_of(runbook)),
                Found::One(runbook),
                "{}",
                name_of(runbook)
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_typed_makes_it_panic(text in "(payments )?\\PC{0,80}") {
            let _ = found(&text);
        }
    }
}
