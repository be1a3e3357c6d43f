//! Severity levels: the five that are built in, changed and extended by `[[severity]]`, and the words people use for
//! them. The levels follow PagerDuty's public ones: <https://response.pagerduty.com/before/severity_levels/>.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reader::{Entry, Reader, Section};
use super::text::{choice, invitee, one_line, one_word, parse_duration};
use super::{Config, Who};
use crate::word_enum;

#[derive(Debug, Clone)]
pub struct Severity {
    /// As configured, such as `sev1`.
    pub name: String,
    pub aliases: Vec<String>,
    /// When to choose this level, in one sentence.
    pub description: String,
    /// A Slack shortcode such as `:red_circle:`.
    pub emoji: String,
    pub urgency: Urgency,
    /// The name of a PagerDuty priority.
    pub priority: Option<String>,
    pub invite: Vec<Who>,
    /// How often people are to be told; None reminds nobody.
    pub update_every: Option<Duration>,
    pub needs_commander: bool,
    /// Whether declaring at this level pages the on-call.
    pub page: bool,
    /// What the public reads about an incident of this level.
    pub impact: Impact,
    /// Whether what goes to the public is shown to its author first.
    pub preview: bool,
    rank: usize,
}

word_enum! {
    /// How much the public notices, in the words of status pages, least first.
    pub enum Impact {
        None = "none",
        Maintenance = "maintenance",
        Minor = "minor",
        Major = "major",
        Critical = "critical",
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    High,
    Low,
}

/// What a word means as a severity.
#[derive(Debug, Clone, Copy)]
pub enum SeverityWord<'a> {
    Known(&'a Severity),
    /// `sev0` or `p0`, which this workspace does not have. Other tools start counting at 0, so guessing would page wrongly.
    TooHigh,
    Unknown,
}

impl Severity {
    /// 0 is the most severe; higher numbers are less severe.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// `SEV1`: the name as messages show it.
    pub fn label(&self) -> String {
        self.name.to_uppercase()
    }

    /// Its name, then its aliases.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(String::as_str))
    }
}

impl Urgency {
    /// PagerDuty's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
        }
    }
}

impl Config {
    /// Understands names and aliases in any letter case, with or without dashes and spaces: `SEV-1`, `p1`, `Sev 1`.
    pub fn severity(&self, word: &str) -> SeverityWord<'_> {
        let word = plain(word);
        match self.severities.iter().find(|s| s.words().any(|known| plain(known) == word)) {
            Some(severity) => SeverityWord::Known(severity),
            None if matches!(word.as_str(), "sev0" | "p0") => SeverityWord::TooHigh,
            None => SeverityWord::Unknown,
        }
    }

    /// The level of an incident whose declarer names none.
    pub fn default_severity(&self) -> &Severity {
        match self.severity(&self.incidents.default_severity) {
            SeverityWord::Known(severity) => severity,
            // Loading refuses a default that does not exist; a list changed afterwards still has a first level.
            SeverityWord::TooHigh | SeverityWord::Unknown => &self.severities[0],
        }
    }
}

/// A severity word without what people add to it: case, dashes, underscores, spaces.
pub(super) fn plain(word: &str) -> String {
    word.chars().filter(|c| !c.is_whitespace() && !"-_".contains(*c)).flat_map(char::to_lowercase).collect()
}

fn built_in() -> [Severity; 5] {
    let minutes = |n: u64| Some(Duration::from_secs(n * 60));
    let level = |name: &str, alias: &str, emoji: &str, description: &str| Severity {
        name: name.into(),
        aliases: vec![alias.into()],
        description: description.into(),
        emoji: emoji.into(),
        priority: Some(alias.to_uppercase()),
        ..unnamed()
    };
    [
        Severity {
            aliases: vec!["p1".into(), "critical".into()],
            update_every: minutes(20),
            needs_commander: true,
            impact: Impact::Critical,
            ..level(
                "sev1",
                "p1",
                ":rotating_light:",
                "Many customers cannot work, or their data is exposed: the public and the executives hear of it.",
            )
        },
        Severity {
            update_every: minutes(30),
            needs_commander: true,
            impact: Impact::Major,
            ..level(
                "sev2",
                "p2",
                ":red_circle:",
                "An important function is broken or unusable for many customers.",
            )
        },
        Severity {
            update_every: minutes(60),
            ..level(
                "sev3",
                "p3",
                ":large_orange_circle:",
                "Some customers notice, or stability is at risk: its owners act at once.",
            )
        },
        Severity {
            urgency: Urgency::Low,
            ..level("sev4", "p4", ":large_yellow_circle:", "Needs work, but hardly a customer is affected.")
        },
        Severity {
            urgency: Urgency::Low,
            priority: None,
            page: false,
            impact: Impact::None,
            ..level("sev5", "p5", ":large_blue_circle:", "A blemish or a bug that can wait for office hours.")
        },
    ]
}

/// Where a new level starts from.
fn unnamed() -> Severity {
    Severity {
        name: String::new(),
        aliases: Vec::new(),
        description: String::new(),
        emoji: ":warning:".into(),
        urgency: Urgency::High,
        priority: None,
        invite: Vec::new(),
        update_every: None,
        needs_commander: false,
        page: true,
        impact: Impact::Minor,
        preview: false,
        rank: 0,
    }
}

/// One entry as it was read, with the two keys that only matter for the list.
struct Level {
    severity: Severity,
    above: Option<String>,
    enabled: bool,
    aliases_chosen: bool,
}

/// The built-in levels with their changes, and the new ones where they belong, ranked.
pub(super) fn read_all(reader: &mut Reader) -> Vec<Severity> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    let mut order = Vec::new();
    for entry in reader.entries("severity", "name") {
        order.push(plain(&entry.name));
        entries.insert(plain(&entry.name), entry);
    }
    let mut levels = Vec::new();
    for start in built_in() {
        let entry = entries.remove(&plain(&start.name));
        let entry = entry.unwrap_or_else(|| Entry { name: start.name.clone(), table: toml::Table::new() });
        levels.push(reader.entry("severity", entry, |section| level(section, start.clone())));
    }
    for word in order {
        let Some(entry) = entries.remove(&word) else { continue };
        let start = Severity { name: entry.name.clone(), ..unnamed() };
        levels.push(reader.entry("severity", entry, |section| level(section, start.clone())));
    }
    ranked(levels, &mut reader.problems)
}

fn level(section: &mut Section<'_>, start: Severity) -> Level {
    let aliases_chosen = section.given("aliases");
    let urgencies = [("high", Urgency::High), ("low", Urgency::Low)];
    let impacts: Vec<(&str, Impact)> = Impact::ALL.iter().map(|i| (i.word(), *i)).collect();
    let severity = Severity {
        name: section.parsed("name", start.name, one_word),
        aliases: section.list("aliases", start.aliases, one_word),
        description: section.parsed("description", start.description, one_line),
        emoji: section.parsed("emoji", start.emoji, one_line),
        urgency: section.parsed("urgency", start.urgency, |t| choice(t, &urgencies)),
        priority: section.optional("priority", start.priority, one_line),
        invite: section.list("invite", start.invite, invitee),
        update_every: section.optional("update_every", start.update_every, parse_duration),
        needs_commander: section.flag("needs_commander", start.needs_commander),
        page: section.flag("page", start.page),
        impact: section.parsed("impact", start.impact, |t| choice(t, &impacts)),
        preview: section.flag("preview", start.preview),
        rank: 0,
    };
    Level {
        severity,
        above: section.optional("above", None, one_word),
        enabled: section.flag("enabled", true),
        aliases_chosen,
    }
}

fn ranked(mut levels: Vec<Level>, problems: &mut Vec<String>) -> Vec<Severity> {
    // Entries with `above` are moved one by one, in their order, so that several above one level keep it.
    while let Some(at) = levels.iter().position(|l| l.above.is_some()) {
        let mut moved = levels.remove(at);
        let above = moved.above.take().unwrap_or_default();
        let target = levels.iter().position(|l| plain(&l.severity.name) == plain(&above));
        if target.is_none() {
            let name = &moved.severity.name;
            problems.push(format!("severity.{name}.above = {above:?} is no severity; write the name of one"));
        }
        levels.insert(target.unwrap_or(0), moved);
    }
    levels.retain(|l| l.enabled);
    if levels.is_empty() {
        problems.push("severity has no enabled level; leave at least one".into());
    }
    let chosen: Vec<String> = levels
        .iter()
        .flat_map(|l| {
            let aliases = if l.aliases_chosen { l.severity.aliases.as_slice() } else { &[] };
            std::iter::once(plain(&l.severity.name)).chain(aliases.iter().map(|a| plain(a)))
        })
        .collect();
    let mut severities: Vec<Severity> = Vec::new();
    for (rank, Level { mut severity, aliases_chosen, .. }) in levels.into_iter().enumerate() {
        severity.rank = rank;
        if !aliases_chosen {
            // A word that somebody configured for another level wins over the built-in alias.
            severity.aliases.retain(|alias| !chosen.contains(&plain(alias)));
        }
        severities.push(severity);
    }
    severities
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(text: &str) -> Config {
        let slack = "[slack]\nbot_token = 'xoxb-1'\nsigning_secrets = ['s1gning']\n";
        Config::from_toml(&format!("{slack}{text}")).unwrap_or_else(|e| panic!("{e}"))
    }

    fn known<'a>(config: &'a Config, word: &str) -> &'a Severity {
        match config.severity(word) {
            SeverityWord::Known(severity) => severity,
            other => panic!("{word}: {other:?}"),
        }
    }

    fn names(config: &Config) -> Vec<(&str, usize)> {
        config.severities.iter().map(|s| (s.name.as_str(), s.rank())).collect()
    }

    #[test]
    fn severities_are_understood_as_people_write_them() {
        let config = good("");
        for word in ["sev1", "SEV-1", "Sev 1", "sev_1", "p1", "P1", "critical"] {
            assert_eq!(known(&config, word).name, "sev1", "{word}");
        }
        assert!(matches!(config.severity("p0"), SeverityWord::TooHigh));
        assert!(matches!(config.severity("SEV-0"), SeverityWord::TooHigh));
        for word in ["sev6", "1", "", "payments", "-"] {
            assert!(matches!(config.severity(word), SeverityWord::Unknown), "{word}");
        }
        let sev2 = known(&config, "sev2");
        assert_eq!(sev2.update_every, Some(Duration::from_secs(1_800)));
        assert!(sev2.needs_commander && sev2.page);
        assert_eq!(sev2.label(), "SEV2");
        let sev5 = known(&config, "sev5");
        assert_eq!((sev5.urgency, sev5.page, sev5.priority.as_deref()), (Urgency::Low, false, None));
    }

    #[test]
    fn severities_can_be_changed_added_and_taken_away() {
        let config = good(
            "
            [incidents]
            default_severity = 'minor'
            [[severity]]
            name = 'SEV-1'
            invite = ['@sre-leads', 'U012AB3CD']
            update_every = ''
            [[severity]]
            name = 'sev0'
            aliases = ['p0', 'critical']
            above = 'sev1'
            urgency = 'high'
            [[severity]]
            name = 'minor'
            page = false
            [[severity]]
            name = 'sev5'
            enabled = false
            ",
        );
        assert_eq!(
            names(&config),
            [("sev0", 0), ("SEV-1", 1), ("sev2", 2), ("sev3", 3), ("sev4", 4), ("minor", 5)]
        );
        assert_eq!(known(&config, "critical").name, "sev0", "a chosen alias wins over a built-in one");
        let sev1 = known(&config, "sev1");
        assert_eq!(sev1.invite, [Who::Group("sre-leads".into()), Who::User("U012AB3CD".into())]);
        assert_eq!((sev1.update_every, sev1.priority.as_deref()), (None, Some("P1")));
        assert!(matches!(config.severity("p0"), SeverityWord::Known(_)));
        assert!(matches!(config.severity("sev5"), SeverityWord::Unknown));
        assert_eq!(config.default_severity().name, "minor");
    }
}
