//! What a runbook is, and how names are compared. Pure.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::config::RunbookLink;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runbook {
    pub title: String,
    pub services: Vec<String>,
    pub alerts: Vec<String>,
    pub url: Option<String>,
    pub summary: String,
    /// What to type first; empty when it names nothing.
    pub commands: String,
    /// The file, relative to the directory; `None` of those in the configuration.
    pub file: Option<String>,
}

/// All runbooks, and what could not be read.
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub runbooks: Vec<Runbook>,
    /// `payments/errors.md: line 3 …`
    pub troubles: Vec<String>,
    /// Files without front matter: a README is no runbook.
    pub left_out: usize,
    /// What the directory looked like: while it looks the same, nothing is read again.
    pub seen: Vec<(PathBuf, u64, Option<SystemTime>)>,
}

impl From<&RunbookLink> for Runbook {
    fn from(link: &RunbookLink) -> Self {
        Self {
            title: link.title.clone(),
            services: link.service.iter().cloned().collect(),
            alerts: link.alerts.clone(),
            url: Some(link.url.clone()),
            summary: link.summary.clone(),
            commands: String::new(),
            file: None,
        }
    }
}

impl Runbook {
    pub fn is_about(&self, service: &str) -> bool {
        self.services.iter().any(|own| squashed(own) == squashed(service))
    }

    /// What it can be called besides its services.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.alerts.iter().map(String::as_str).chain([self.title.as_str()])
    }

    /// Whether the words of one of its alerts stand in this text, one after the other.
    pub fn is_for_alert_in(&self, text: &str) -> bool {
        let text = words(text);
        let stands_in =
            |alert: &Vec<String>| !alert.is_empty() && text.windows(alert.len()).any(|w| w == alert);
        self.alerts.iter().map(|alert| words(alert)).any(|alert| stands_in(&alert))
    }
}

/// `HighErrorRate`, `high-error-rate` and `High error rate` are the same words.
pub fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let letters: Vec<char> = text.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map_or(' ', |at| letters[at]);
        let after = letters.get(at + 1).copied().unwrap_or(' ');
        let is_hump = letter.is_uppercase()
            && (before.is_lowercase()
                || before.is_numeric()
                || (before.is_uppercase() && after.is_lowercase()));
        if is_hump || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The letters and digits alone: what two names are compared by.
pub fn squashed(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_the_same_however_they_are_spelt() {
        for spelt in ["HighErrorRate", "high-error-rate", "High error rate", "high_error_rate!"] {
            assert_eq!(words(spelt), ["high", "error", "rate"], "{spelt}");
            assert_eq!(squashed(spelt), "higherrorrate");
        }
        assert_eq!(words("HTTPErrors5xx"), ["http", "errors5xx"]);
        assert!(words("—").is_empty());
    }

    #[test]
    fn an_alert_is_found_in_a_title_by_whole_words() {
        let runbook = Runbook { alerts: vec!["ErrorRate".into()], ..Runbook::default() };
        assert!(runbook.is_for_alert_in("[FIRING:1] ErrorRate payments (page)"));
        assert!(runbook.is_for_alert_in("payments: error-rate above 2 %"));
        assert!(!runbook.is_for_alert_in("terror rates"));
        let nameless = Runbook { alerts: vec!["--".into()], ..Runbook::default() };
        assert!(!nameless.is_for_alert_in("anything"));
    }

    proptest! {
        #[test]
        fn any_text_has_words(text in "\\PC{0,60}") {
            prop_assert_eq!(squashed(&words(&text).concat()), squashed(&text));
        }
    }
}
