//! The small languages inside configuration values: durations, sizes, people, addresses. Each parser answers with a
//! phrase that completes the sentence "KEY = "value" …" and says what to write instead.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

use super::Who;

/// What a parser says about a value it cannot read.
pub(super) type Parsed<T> = Result<T, String>;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// `90s`, `20m`, `2h`, `1d`, `1h30m`: whole numbers, largest unit first, at least one second, at most a year.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "is not a duration; write one such as 90s, 20m, 2h or 1h30m".to_owned();
    let mut rest = text.trim();
    let mut total = 0u64;
    for (unit, seconds) in UNITS {
        let Some((number, after)) = rest.split_once(unit) else { continue };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        total = number.checked_mul(seconds).and_then(|n| n.checked_add(total)).ok_or_else(wrong)?;
        rest = after;
    }
    if !rest.is_empty() || total == 0 {
        return Err(wrong());
    }
    if total > 365 * 86_400 {
        return Err("is longer than a year; write a shorter duration".into());
    }
    Ok(Duration::from_secs(total))
}

/// The shortest text that [`parse_duration`] reads back: `1h30m`. Fractions of a second are dropped.
pub fn show_duration(time: Duration) -> String {
    let mut left = time.as_secs();
    let mut text = String::new();
    for (unit, seconds) in UNITS {
        if left >= seconds {
            text += &(left / seconds).to_string();
            text.push(unit);
            left %= seconds;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// The candidate that `word` was most likely meant to be, if any is near. Letter case does not matter.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_few(word, candidates, 1).pop()
}

/// The same, the nearest of them first, each once in whatever letter case.
pub fn nearest_few<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    let mut near: Vec<(usize, f64, &str)> = Vec::new();
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let other = lower.chars().count();
        let allowed = (other.max(length) / 3).min(3);
        // Comparing takes time that grows with both lengths, and people may type 3,000 letters.
        if other.abs_diff(length) > allowed || near.iter().any(|(.., known)| known.to_lowercase() == lower) {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&word, &lower);
        if distance <= allowed {
            near.push((distance, strsim::jaro_winkler(&word, &lower), candidate));
        }
    }
    near.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    near.into_iter().take(most).map(|(.., candidate)| candidate).collect()
}

/// Bytes: `1048576`, `512KiB`, `1 MiB`.
pub(super) fn size(text: &str) -> Parsed<usize> {
    let (number, unit) = match text.trim() {
        t if t.ends_with("MiB") => (t.trim_end_matches("MiB"), 1024 * 1024),
        t if t.ends_with("KiB") => (t.trim_end_matches("KiB"), 1024),
        t => (t, 1),
    };
    let bytes = number.trim().parse::<usize>().ok().and_then(|n| n.checked_mul(unit));
    match bytes {
        None => Err("is not a size; write one such as 1MiB or 512KiB".into()),
        Some(n) if !(64 * 1024..=64 * 1024 * 1024).contains(&n) => {
            Err("is out of range; write a size from 64KiB to 64MiB, such as 1MiB".into())
        }
        Some(n) => Ok(n),
    }
}

pub(super) fn listen(text: &str) -> Parsed<SocketAddr> {
    text.trim().parse().map_err(|_| {
        "is not an IP address with a port; write one such as 0.0.0.0:8080 or [::]:8080".to_owned()
    })
}

/// A base URL, http or https, without a trailing slash, so that a path can be appended.
pub(super) fn base_url(text: &str) -> Parsed<String> {
    let text = text.trim();
    let url = Url::parse(text).map_err(|_| not_a_url())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(not_a_url());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries a user name or password; write the address without them".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a part after ? or #; write only the address up to its path".into());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn not_a_url() -> String {
    "is not a web address; write one that starts with https://".into()
}

/// `host` or `host:port`, lower-cased.
pub(super) fn host(text: &str) -> Parsed<String> {
    let text = text.trim().to_ascii_lowercase();
    if text.contains("://") {
        return Err("has a scheme; write only the host, such as hooks.slack.com".into());
    }
    let only_host = Url::parse(&format!("http://{text}/")).is_ok_and(|u| {
        u.path() == "/" && u.username().is_empty() && u.query().is_none() && u.host().is_some()
    });
    if text.is_empty() || text.contains('/') || !only_host {
        return Err("is not a host name; write one such as hooks.slack.com".into());
    }
    Ok(text)
}

pub(super) fn email(text: &str) -> Parsed<String> {
    let text = text.trim();
    let well_formed = text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && host.contains('.') && !host.starts_with('.') && !host.contains('@')
    });
    if !well_formed || text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;|".contains(c)) {
        return Err("is not an e-mail address; write one such as incidents@example.com".into());
    }
    Ok(text.to_owned())
}

/// A Slack or PagerDuty id: capital letters and digits, starting with one of `prefixes` unless that is empty.
pub(super) fn vendor_id(text: &str, prefixes: &str, example: &str) -> Parsed<String> {
    let text = text.trim();
    let first = text.chars().next().is_some_and(|c| prefixes.is_empty() || prefixes.contains(c));
    if !first || text.len() < 2 || !text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) {
        return Err(format!("is not an id; write one such as {example}"));
    }
    Ok(text.to_owned())
}

pub(super) fn who(text: &str) -> Parsed<Who> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("everyone") {
        return Ok(Who::Everyone);
    }
    if let Some(handle) = text.strip_prefix('@') {
        let well_formed = |c: char| c.is_alphanumeric() || "._-".contains(c);
        if !handle.is_empty() && handle.chars().all(well_formed) {
            return Ok(Who::Group(handle.to_lowercase()));
        }
    } else if text.contains('@') {
        if let Ok(address) = email(text) {
            return Ok(Who::Email(address.to_lowercase()));
        }
    } else if let Ok(id) = vendor_id(text, "UW", "") {
        return Ok(Who::User(id));
    }
    Err("is nobody; write @handle of a user group, a Slack user id such as U012AB3CD, or an e-mail address"
        .into())
}

/// Like [`who`], for lists of people to bring into a channel, where `everyone` would be the whole workspace.
pub(super) fn invitee(text: &str) -> Parsed<Who> {
    match who(text)? {
        Who::Everyone => Err("would invite the whole workspace; name user groups or people".into()),
        someone => Ok(someone),
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone"),
            Self::Group(handle) => write!(f, "@{handle}"),
            Self::User(id) => f.write_str(id),
            Self::Email(address) => f.write_str(address),
        }
    }
}

/// A Slack channel by name (with or without `#`) or by id.
pub(super) fn channel(text: &str) -> Parsed<String> {
    let text = text.trim().trim_start_matches('#');
    if vendor_id(text, "CG", "").is_ok() {
        return Ok(text.to_owned());
    }
    // Slack allows any script's letters in channel names, but no capitals, spaces or dots.
    let well_formed = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || "-_".contains(c);
    if text.is_empty() || text.chars().count() > 80 || !text.chars().all(well_formed) {
        return Err("is not a channel; write its name in lower case, such as incidents, or its id".into());
    }
    Ok(text.to_owned())
}

pub(super) fn channel_prefix(text: &str) -> Parsed<String> {
    let text = text.trim();
    let well_formed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if text.is_empty() || text.len() > 20 || !text.chars().all(well_formed) || text.ends_with('-') {
        return Err("cannot begin channel names; write up to 20 of a-z, 0-9, - and _, such as inc".into());
    }
    Ok(text.to_owned())
}

pub(super) fn timezone(text: &str) -> Parsed<jiff::tz::TimeZone> {
    let text = text.trim();
    jiff::tz::TimeZone::get(text).map_err(|_| {
        let known: Vec<String> = jiff::tz::db().available().map(|z| z.to_string()).collect();
        match nearest(text, known.iter().map(String::as_str)) {
            Some(near) => format!("is not a time zone; did you mean {near}?"),
            None => "is not a time zone; write an IANA name such as UTC or Europe/Vienna".into(),
        }
    })
}

/// The name of a service or severity: one word, as people type it.
pub(super) fn one_word(text: &str) -> Parsed<String> {
    let text = text.trim();
    let well_formed = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.chars().count() > 60 || !text.chars().all(well_formed) {
        return Err("is not one word; write letters, digits, '-', '_' and '.', such as payments-api".into());
    }
    Ok(text.to_owned())
}

pub(super) fn one_line(text: &str) -> Parsed<String> {
    let text = text.trim();
    if text.contains(char::is_control) {
        return Err("has more than one line; write one".into());
    }
    Ok(text.to_owned())
}

/// One of a few fixed words.
pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Parsed<T> {
    let text = text.trim();
    if let Some((_, value)) = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
        return Ok(*value);
    }
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let (last, others) = words.split_last().unwrap_or((&"", &[]));
    Err(format!("is none of the choices; write {} or {last}", others.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, seconds) in [("90s", 90), ("20m", 1_200), ("2h", 7_200), ("1d", 86_400), ("1h30m", 5_400)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "0s", "20", "m", "-5m", "5m1h", "1.5h", "2 weeks", "400d", "99999999999999999999d", "1m1m"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert_eq!(show_duration(Duration::from_secs(5_400)), "1h30m");
        assert_eq!(show_duration(Duration::from_secs(90)), "1m30s");
    }

    #[test]
    fn people_are_told_apart() {
        assert_eq!(who("@SRE-leads"), Ok(Who::Group("sre-leads".into())));
        assert_eq!(who("U012AB3CD"), Ok(Who::User("U012AB3CD".into())));
        assert_eq!(who("ana@example.com"), Ok(Who::Email("ana@example.com".into())));
        for wrong in ["", "ana", "@", "@two words", "ana@", "u012", "C012AB3CD", "Ana <ana@example.com>"] {
            assert!(who(wrong).is_err(), "{wrong}");
        }
        assert!(invitee("everyone").is_err());
    }

    #[test]
    fn addresses_are_told_apart() {
        assert_eq!(base_url("https://slack.com/api/").as_deref(), Ok("https://slack.com/api"));
        assert!(base_url("ftp://slack.com").is_err());
        assert!(base_url("https://me:secret@slack.com").is_err());
        assert_eq!(host("127.0.0.1:4010").as_deref(), Ok("127.0.0.1:4010"));
        for wrong in ["https://hooks.slack.com", "hooks.slack.com/services", "a b", "", "x@hooks.slack.com"] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("bot_tokn", ["api_url", "bot_token"]), Some("bot_token"));
        assert_eq!(nearest("servces", ["server", "service"]), Some("service"));
        assert_eq!(nearest("zebra", ["api_url", "bot_token"]), None);
        assert_eq!(nearest("a", ["b"]), None);
    }
}
