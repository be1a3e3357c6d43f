//! `[[check]]`: the monitors that say how the systems are, and `[status]`: how often they are asked.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::reader::{Reader, Section};
use super::text::{Parsed, base_url, choice, one_line, parse_duration};

#[derive(Debug, Clone)]
pub struct Status {
    /// The time between looks while nobody watches.
    pub every: Duration,
}

/// One monitor, and what its answers mean.
#[derive(Debug, Clone)]
pub struct Check {
    /// As people read it in the answer.
    pub name: String,
    /// Without a trailing slash; of [`CheckKind::HttpJson`] the whole address.
    pub url: String,
    pub credentials: Credentials,
    pub kind: CheckKind,
}

#[derive(Debug, Clone)]
pub enum Credentials {
    None,
    Bearer(SecretString),
    /// `user:password`.
    Basic(SecretString),
}

#[derive(Debug, Clone)]
pub enum CheckKind {
    Alertmanager {
        /// Matchers in Alertmanager's own words; an alert must fit all.
        filter: Vec<String>,
        severity_label: String,
        /// Values of that label.
        words: Words,
    },
    Prometheus {
        query: String,
        below: Bounds,
        above: Bounds,
    },
    /// The public summary of a status page.
    Statuspage,
    HttpJson {
        /// Where in the answer the state stands, as a JSON pointer.
        pointer: String,
        /// Values there.
        words: Words,
    },
}

/// Which words mean which state.
#[derive(Debug, Clone, Default)]
pub struct Words {
    pub normal: Vec<String>,
    pub degraded: Vec<String>,
    pub partial: Vec<String>,
    pub major: Vec<String>,
    pub maintenance: Vec<String>,
}

/// Beyond which value something is no longer normal.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bounds {
    pub degraded: Option<f64>,
    pub partial: Option<f64>,
    pub major: Option<f64>,
}

impl Bounds {
    fn all(&self) -> [Option<f64>; 3] {
        [self.degraded, self.partial, self.major]
    }

    fn is_empty(&self) -> bool {
        self.all().iter().all(Option::is_none)
    }

    /// Worse states lie further out.
    fn is_sorted(&self, further: fn(&f64, &f64) -> bool) -> bool {
        self.all().into_iter().flatten().collect::<Vec<_>>().is_sorted_by(further)
    }
}

impl CheckKind {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Alertmanager { .. } => "alertmanager",
            Self::Prometheus { .. } => "prometheus",
            Self::Statuspage => "statuspage",
            Self::HttpJson { .. } => "http_json",
        }
    }
}

/// Keys that only some kinds read.
const OF_KINDS: &[(&str, &[&str])] = &[
    ("filter", &["alertmanager"]),
    ("severity_label", &["alertmanager"]),
    ("query", &["prometheus"]),
    ("degraded_below", &["prometheus"]),
    ("degraded_above", &["prometheus"]),
    ("partial_below", &["prometheus"]),
    ("partial_above", &["prometheus"]),
    ("major_below", &["prometheus"]),
    ("major_above", &["prometheus"]),
    ("pointer", &["http_json"]),
    ("normal", &["alertmanager", "http_json"]),
    ("degraded", &["alertmanager", "http_json"]),
    ("partial", &["alertmanager", "http_json"]),
    ("major", &["alertmanager", "http_json"]),
    ("maintenance", &["http_json"]),
];

pub(super) fn status(section: &mut Section<'_>) -> Status {
    let every = |text: &str| match parse_duration(text)? {
        time if time.as_secs() < 10 => Err("is too short; write at least 10s".into()),
        time => Ok(time),
    };
    Status { every: section.parsed("every", Duration::from_secs(60), every) }
}

pub(super) fn checks(reader: &mut Reader) -> Vec<Check> {
    let entries = reader.entries("check", "name");
    let checks = entries.into_iter().map(|entry| reader.entry("check", entry, check)).collect();
    for double in reader.take_doubles("check") {
        reader.entry("check", double, check); // for what else is wrong with it
    }
    checks
}

fn check(section: &mut Section<'_>) -> Check {
    let kinds = ["alertmanager", "prometheus", "statuspage", "http_json"].map(|kind| (kind, kind));
    let kind: &'static str =
        section.required("kind", "alertmanager, prometheus, statuspage or http_json", |t| choice(t, &kinds));
    let unused: Vec<_> = OF_KINDS
        .iter()
        .filter(|(key, of)| !kind.is_empty() && !of.contains(&kind) && section.given(key))
        .map(|(key, _)| *key)
        .collect();
    for key in unused {
        section.warning(key, &format!("means nothing to a check of kind {kind}; remove it"));
    }
    let is_whole = kind == "http_json";
    Check {
        name: section.parsed("name", String::new(), name),
        url: section.required("url", "the address of the monitor, which starts with https://", |t| {
            if is_whole { address(t) } else { base_url(t) }
        }),
        credentials: credentials(section),
        kind: keys_of(section, kind),
    }
}

/// Every key is read for every kind, so that each is known; only those of this kind are kept and judged.
fn keys_of(section: &mut Section<'_>, kind: &str) -> CheckKind {
    let of_alerts = |word: &[&str]| -> Vec<String> {
        let words = if kind == "alertmanager" { word } else { &[] };
        words.iter().map(|word| (*word).to_owned()).collect()
    };
    let own: Vec<&str> = STATES.into_iter().filter(|state| section.given(state)).collect();
    let words = Words {
        normal: section.list("normal", of_alerts(&["info", "none"]), one_line),
        degraded: section.list("degraded", of_alerts(&["warning"]), one_line),
        partial: section.list("partial", of_alerts(&["critical"]), one_line),
        major: section.list("major", of_alerts(&["page"]), one_line),
        maintenance: section.list("maintenance", Vec::new(), one_line),
    };
    means_one_state(section, &words, &own);
    let filter = section.list("filter", Vec::new(), matcher);
    let severity_label = section.parsed("severity_label", "severity".into(), label);
    let (has_query, has_pointer) = (section.given("query"), section.given("pointer"));
    let query = section.parsed("query", String::new(), query);
    let below = Bounds {
        degraded: section.decimal("degraded_below"),
        partial: section.decimal("partial_below"),
        major: section.decimal("major_below"),
    };
    let above = Bounds {
        degraded: section.decimal("degraded_above"),
        partial: section.decimal("partial_above"),
        major: section.decimal("major_above"),
    };
    let pointer = section.parsed("pointer", String::new(), pointer);
    let states = ["degraded", "partial", "major"];
    let is_bound_bad =
        states.iter().any(|s| ["below", "above"].iter().any(|end| section.is_bad(&format!("{s}_{end}"))));
    match kind {
        "prometheus" => {
            if !has_query {
                section.problem("query", "is missing; write the PromQL query whose value is judged");
            }
            if below.is_empty() && above.is_empty() && !is_bound_bad {
                section.problem(
                    "degraded_below",
                    "is missing; write at least one of degraded_, partial_ and major_below or _above",
                );
            }
            if !below.is_sorted(|better, worse| better >= worse)
                || !above.is_sorted(|better, worse| better <= worse)
            {
                section
                    .problem("major_below", "and its kin are out of order; a worse state lies further out");
            }
            CheckKind::Prometheus { query, below, above }
        }
        "http_json" => {
            if !has_pointer {
                section.problem("pointer", "is missing; write where the state stands, such as /status");
            }
            if words.normal.is_empty() && !section.is_bad("normal") {
                section.problem(
                    "normal",
                    "is missing; write the values that mean that all is well, such as [\"ok\"]",
                );
            }
            CheckKind::HttpJson { pointer, words }
        }
        "statuspage" => CheckKind::Statuspage,
        _ => CheckKind::Alertmanager { filter, severity_label, words },
    }
}

const STATES: [&str; 5] = ["normal", "degraded", "partial", "major", "maintenance"];

/// A word that two of them have would mean both; what is only a default gives way.
fn means_one_state(section: &mut Section<'_>, words: &Words, own: &[&str]) {
    let lists = [&words.normal, &words.degraded, &words.partial, &words.major, &words.maintenance];
    let lists: Vec<_> = STATES.into_iter().zip(lists).filter(|(state, _)| own.contains(state)).collect();
    for (n, (state, list)) in lists.iter().enumerate() {
        for (other, word) in lists[..n].iter().flat_map(|(other, list)| list.iter().map(move |w| (other, w)))
        {
            if list.iter().any(|own| own.eq_ignore_ascii_case(word)) {
                section.problem(state, &format!("has {word:?}, which {other} has too; leave it in one"));
            }
        }
    }
}

fn credentials(section: &mut Section<'_>) -> Credentials {
    match (section.secret("bearer_token"), section.secret("basic_auth")) {
        (None, None) => Credentials::None,
        (Some(token), None) => Credentials::Bearer(token),
        (None, Some(pair)) => {
            if !pair.expose_secret().contains(':') {
                section.problem("basic_auth", "has no colon; write user:password");
            }
            Credentials::Basic(pair)
        }
        (Some(token), Some(_)) => {
            section.warning("basic_auth", "is not used beside a bearer_token; remove one");
            Credentials::Bearer(token)
        }
    }
}

fn name(text: &str) -> Parsed<String> {
    match one_line(text)? {
        name if name.is_empty() || name.chars().count() > 60 => {
            Err("is no name; write up to 60 letters, such as \"payments alerts\"".into())
        }
        name => Ok(name),
    }
}

/// `severity="page"`, also with `!=`, `=~` and `!~`:
/// <https://prometheus.io/docs/alerting/latest/configuration/#matcher>
fn matcher(text: &str) -> Parsed<String> {
    let text = one_line(text)?;
    let (name, _) = text.split_at(text.find(['=', '!']).unwrap_or(0));
    let is_sign = |rest: &str| ["=", "!=", "!~"].iter().any(|sign| rest.starts_with(sign));
    if name.trim().is_empty() || name.trim().contains(char::is_whitespace) || !is_sign(&text[name.len()..]) {
        return Err("is no matcher; write one such as severity=\"page\", or with !=, =~ or !~".into());
    }
    Ok(text)
}

fn label(text: &str) -> Parsed<String> {
    let text = text.trim();
    let well_formed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) || !text.chars().all(well_formed) {
        return Err("is no name of a label; write one such as severity".into());
    }
    Ok(text.to_owned())
}

fn query(text: &str) -> Parsed<String> {
    if text.trim().is_empty() {
        return Err("is empty; write the PromQL query whose value is judged".into());
    }
    if text.len() > 2_000 {
        return Err("is longer than 2,000 characters; make it a recording rule".into());
    }
    Ok(text.trim().to_owned())
}

/// <https://www.rfc-editor.org/rfc/rfc6901>
fn pointer(text: &str) -> Parsed<String> {
    let text = text.trim();
    if !text.starts_with('/') {
        return Err("is no JSON pointer; write one such as /status".into());
    }
    Ok(text.to_owned())
}

/// A whole web address, query included. A password in it would end up in logs.
pub(super) fn address(text: &str) -> Parsed<String> {
    let text = text.trim();
    let url =
        Url::parse(text).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.host_str().is_some());
    let Some(url) = url else {
        return Err("is not a web address; write one that starts with https://".into());
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries a user name or password; write them as basic_auth".into());
    }
    Ok(text.to_owned())
}
