//! Every word said in Slack about the public page. What people typed is escaped here, the public text too.

use std::time::Duration;

use super::model::{Components, Named, Post, PostState, Unpublished, listed};
use super::page::{EVERY, Page};
use crate::clock::Timestamp;
use crate::config::{Config, Impact, StatusPageKind};
use crate::front::Message;
use crate::ids::SlackUserId;
use crate::incidents::Incident;
use crate::incidents::messages::span;
use crate::slack::blocks::{link, mention, plain, untrusted};
use crate::slack::words::quoted;
use crate::statuspage::{self, ComponentStatus, PostStatus};

/// Of a public text in Slack: the page has all of it.
const SHOWN: usize = 1_500;
/// Lines of a list.
const LISTED: usize = 20;
/// Older than this, the page has not answered for a while.
const STALE: Duration = Duration::from_secs(EVERY.as_secs() * 2 + 60);

/// `*Investigating* · impact major`
pub(super) fn head(post: &Post) -> String {
    let status = post.status.map_or_else(|| "*Update*".to_owned(), |s| format!("*{}*", s.title()));
    match post.impact {
        Some(impact) => format!("{status} · impact {impact}"),
        None => status,
    }
}

/// The text as it is on the page, marked as a quote.
pub(super) fn quote(body: &str) -> String {
    let body = untrusted(&plain(body, SHOWN));
    body.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
}

/// `Checkout: major outage · Search: operational`, and in a line of their own those whose state stays as it is.
pub(super) fn components(components: &Components) -> String {
    let name = |named: &Named| untrusted(&plain(&named.name, 80));
    let set = components.values().filter_map(|n| Some(format!("{}: {}", name(n), n.status?.title())));
    let affected = components.values().filter(|named| named.status.is_none()).map(name);
    let affected = some(&affected.collect::<Vec<_>>(), ", ");
    let affected =
        if affected.is_empty() { affected } else { format!("Affected, state unchanged: {affected}") };
    [some(&set.collect::<Vec<_>>(), " · "), affected].join("\n").trim().to_owned()
}

fn some(shown: &[String], between: &str) -> String {
    let more = shown.len().saturating_sub(LISTED);
    let more = if more == 0 { String::new() } else { format!("{between}and {more} more") };
    format!("{}{more}", shown[..shown.len().min(LISTED)].join(between))
}

/// What a post is, for its author.
pub(super) fn shown(post: &Post) -> String {
    if post.status.is_none() && post.state != PostState::Draft {
        return components(&post.components.0); // without a word to the public
    }
    let shown = [head(post), quote(&post.body), components(&post.components.0)];
    shown.join("\n").trim_end().to_owned()
}

/// What the author reads at once. Silent: only components are set, no post says so.
pub fn publishing(incident: &Incident, post: &Post, is_silent: bool) -> Message {
    if is_silent {
        return Message::text(format!(
            ":satellite: Setting on the status page, without a post: {}. The incident's channel hears when it is done.",
            components(&post.components.0)
        ));
    }
    Message::text(format!(
        ":satellite: Publishing for {}: {}\nThe incident's channel hears when it is out, and where.",
        incident.label(),
        shown(post)
    ))
}

/// Somebody has just told the public the same.
pub fn told_already(config: &Config, twin: &Post, new: &Post, now: Timestamp) -> String {
    let who = if twin.asked_by == new.asked_by { "You have" } else { &format!("{} has", twin.asked_by_name) };
    let ago = span(now.since(twin.asked_at));
    let how_it_is = if twin.state == PostState::Waiting { "it is on its way" } else { "it is out" };
    format!(
        "{who} told the public the same {ago} ago, and {how_it_is}: nothing more was published. Other words go out; these \
         once more with `{} update … --again`.",
        config.commands.statuspage
    )
}

/// The page takes nothing now, whichever incident it is about.
pub fn waits_behind(earlier: &Unpublished, now: Timestamp) -> String {
    format!(
        "\n:hourglass: It may take a while: an earlier update has waited for {} ({}). This one is tried by itself, too.",
        span(now.since(earlier.asked_at)),
        why(earlier, now)
    )
}

/// Why it is not out, and when it is tried again.
fn why(post: &Unpublished, now: Timestamp) -> String {
    let mut why = untrusted(&plain(post.last_error.as_deref().unwrap_or_default(), 300));
    // The name of the call is for the log.
    let mut calls: Vec<&str> = statuspage::CALLS.iter().map(|call| call.name).collect();
    calls.sort_by_key(|name| std::cmp::Reverse(name.len())); // one may be the beginning of another
    for call in calls {
        why = why.replace(&format!(" before {call}"), "").replace(&format!(" {call}"), "");
    }
    if post.waits() && post.run_at > now {
        return format!("{why}; tried again in {}", span(post.run_at.since(now)));
    }
    why
}

pub const CANNOT_LOOK: &str =
    ":warning: Whether something of ours waits I cannot look up now: my database does not answer.";

/// What the public has not read yet.
pub fn unpublished(posts: &[(Incident, Unpublished)], now: Timestamp) -> String {
    let line = |(incident, post): &(Incident, Unpublished)| {
        let ago = |at| span(now.since(at));
        let how = match post.parked_at {
            Some(at) => format!(
                ":warning: {}: *not published*, given up {} ago ({}); once it is mended, `firebell jobs retry {}`",
                incident.label(),
                ago(at),
                why(post, now),
                post.job_id
            ),
            None if post.waits() => format!(
                ":hourglass: {}: *waits* for {} now ({})",
                incident.label(),
                ago(post.asked_at),
                why(post, now)
            ),
            None => format!(":satellite: {}: on its way for {} now", incident.label(), ago(post.asked_at)),
        };
        let (by, body) = (untrusted(&post.asked_by_name), untrusted(&plain(&post.body, 120)));
        format!("{how}. {by}: “{}”", body.replace('\n', " "))
    };
    some(&posts.iter().map(line).collect::<Vec<_>>(), "\n")
}

pub fn cancelled() -> Message {
    Message::text("Cancelled: nothing was published.")
}

/// What has become of a post.
pub struct Told<'a> {
    pub post: &'a Post,
    /// Where the page incident stands now.
    pub status: Option<PostStatus>,
    pub url: Option<&'a str>,
    pub is_new: bool,
    /// Components as they were set.
    pub set: &'a Components,
    /// Left as they are, because another post on the page is about them.
    pub left: &'a [String],
}

/// In the incident's channel: who told the public what, and where it is read.
pub fn published(told: &Told<'_>) -> Message {
    let who = mention(&told.post.asked_by);
    let (Some(status), Some(url)) = (told.status, told.url) else {
        if told.post.status.is_some() {
            return Message::text(
                ":satellite: The statuspage post is no longer on the page: somebody deleted it there, so there is nothing to resolve.",
            );
        }
        return Message::text(format!(":satellite: {who} set on the status page: {}.", components(told.set)));
    };
    let did = match (told.is_new, status) {
        (true, _) => "created a statuspage post",
        (false, PostStatus::Resolved) => "resolved the statuspage post",
        (false, _) => "updated the statuspage post",
    };
    let url = if url.is_empty() { "it has no address of its own".to_owned() } else { link(url, "") };
    let mut lines = vec![format!(":satellite: {who} {did}: {url}"), format!("*{}*", status.title())];
    lines.push(quote(&told.post.body));
    if !told.set.is_empty() {
        lines.push(components(told.set));
    }
    if !told.left.is_empty() {
        let names: Vec<String> = told.left.iter().map(|name| untrusted(&plain(name, 80))).collect();
        let names = names.join(", ");
        lines.push(format!("Left as they are, because another open post is about them: {names}."));
    }
    Message::text(lines.join("\n"))
}

/// For the timeline, as plain text.
pub fn on_the_timeline(told: &Told<'_>) -> String {
    let shown =
        |n: &Named| n.status.map_or(n.name.clone(), |status| format!("{} {}", n.name, status.title()));
    let set: Vec<String> = told.set.values().map(shown).collect();
    let set = if set.is_empty() { String::new() } else { format!(" ({})", set.join(", ")) };
    match told.status {
        Some(status) if told.url.is_some() => {
            let address =
                told.url.filter(|url| !url.is_empty()).map(|url| format!(" {url}")).unwrap_or_default();
            format!("Status page: {}: {}{set}{address}", status.title(), told.post.body)
        }
        _ => format!("Status page: components set{set}"),
    }
}

/// What of a post the public does not see: its words, or, where these are out or there are none, its components.
fn is_about_components(post: &Post) -> bool {
    post.state == PostState::Said || post.status.is_none()
}

/// The page has not answered twice; it goes on being asked.
pub fn delayed(post: &Post, because: &str) -> Message {
    let (who, because) = (mention(&post.asked_by), untrusted(because));
    let text = match (post.state, post.status) {
        (PostState::Said, _) => format!(
            ":hourglass: What {who} wrote for the public is on the status page, but not all components are set yet: {because}. I keep trying for some minutes.\n{}",
            components(&post.components.0)
        ),
        (_, None) => format!(
            ":hourglass: What {who} set on the status page is not all there yet: {because}. I keep trying for some minutes.\n{}",
            components(&post.components.0)
        ),
        _ => format!(
            ":hourglass: What {who} wrote for the public is not on the status page yet, as far as I know: {because}. I keep trying for some minutes."
        ),
    };
    Message::text(text.trim_end())
}

/// The page lets nobody of us write for a while.
pub fn waits(config: &Config, post: &Post, url: Option<&str>, job: i64, because: &str) -> Message {
    let (who, place) = (mention(&post.asked_by), by_hand(config, url));
    let what = if is_about_components(post) { "set of components" } else { "wrote for the public" };
    Message::text(format!(
        ":hourglass: {}. That is for the whole page: nothing of any incident gets there until then. What {who} {what} \
         follows by itself. If it cannot wait, do it by hand {place}, and ask an operator of Firebell to keep it from \
         coming twice: `firebell jobs discard {job}` does that.",
        untrusted(because)
    ))
}

/// Where a person does it.
fn by_hand(config: &Config, url: Option<&str>) -> String {
    match (url.filter(|url| !url.is_empty()), config.statuspage.as_ref().map(|page| page.kind)) {
        (Some(url), _) => format!("on {}", link(url, "")),
        (None, Some(StatusPageKind::Statuspage)) => {
            format!("at {}", link("https://manage.statuspage.io", ""))
        }
        (None, _) => "in its dashboard".to_owned(),
    }
}

/// The page did not take it: what a person can do.
pub fn failed(config: &Config, post: &Post, url: Option<&str>, job: i64, because: &str) -> Message {
    let (who, place, because) = (mention(&post.asked_by), by_hand(config, url), untrusted(because));
    let what = match (post.state, post.status) {
        (PostState::Said, _) => format!(
            "*Not all components are set on the status page*: {because}. The words are there.\n{}\nPlease set them",
            components(&post.components.0)
        ),
        (_, None) => format!("*Not set on the status page*: {because}.\n{}\nPlease set it", shown(post)),
        _ => format!(
            "*Not published on the status page*: {because}. Nobody outside has read this:\n{}\nPlease post it",
            shown(post)
        ),
    };
    Message::text(format!(
        "{who} :warning: {what} by hand {place}; or, once it is mended, `firebell jobs retry {job}`."
    ))
}

pub fn overtaken(post: &Post) -> Message {
    Message::text(format!(
        ":satellite: Not published after all, because a later post is out already:\n{}",
        shown(post)
    ))
}

/// The incident is over, and its post is not.
pub fn left_open(
    config: &Config,
    by: Option<&SlackUserId>,
    status: Option<PostStatus>,
    url: Option<&str>,
) -> Message {
    let who = by.map(|by| format!("{} ", mention(by))).unwrap_or_default();
    let post =
        url.filter(|url| !url.is_empty()).map_or_else(String::new, |url| format!(": {}", link(url, "")));
    let status = status.map(|status| format!(" (*{}*)", status.title())).unwrap_or_default();
    let name = &config.commands.statuspage;
    Message::text(format!(
        ":satellite: {who}The statuspage post is still open{status}{post}\nOnce it is over for customers, too: `{name} update resolved`"
    ))
}

/// `/statuspage status`
pub fn status(config: &Config, page: &Page, now: Timestamp) -> String {
    let Some(read_at) = page.read_at else {
        return match &page.refused {
            Some(refusal) => format!(
                ":warning: The status page does not let me read it. {}. Until then, tell the public by hand {}.",
                untrusted(&refusal.because),
                by_hand(config, None)
            ),
            None => ":grey_question: The status page has not answered yet. Try again in a minute.".into(),
        };
    };
    let name = page.info.as_ref().map_or("The status page", |info| info.name.as_str());
    let url = page.info.as_ref().map_or("", |info| info.url.as_str());
    let mut lines = vec![format!("*{}*", link(url, name))];
    let unwell = page.unwell();
    if unwell.is_empty() && page.unresolved.is_empty() {
        lines.push(format!(
            ":white_check_mark: All {} components are operational, and no post is open.",
            page.components.len()
        ));
    }
    for component in unwell.iter().take(LISTED) {
        let name = untrusted(&plain(&component.full_name(), 80));
        lines.push(format!("{} {name}: {}", icon(component.status), component.status.title()));
    }
    if unwell.len() > LISTED {
        lines.push(format!("… and {} more", unwell.len() - LISTED));
    }
    for incident in page.unresolved.iter().take(LISTED) {
        let status = untrusted(&plain(&incident.status, 40));
        lines.push(format!("• {} — {status}", link(&incident.url, &plain(&incident.name, 120))));
    }
    let name = &config.commands.statuspage;
    lines.push(age(page, now).unwrap_or_else(|| {
        format!("_Read {} ago. To tell the public: `{name} update`_", span(now.since(read_at)))
    }));
    lines.join("\n")
}

/// The page shows a component's state or nothing of it.
pub fn needs_state(config: &Config, names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{}\"", quoted(name))).collect();
    format!(
        "A post on Cachet cannot name {} without a state, so nothing was published. Say how it is: `{} update degraded \
         \"message\" {}`; or leave it out.",
        listed(names),
        config.commands.statuspage,
        quoted.join(", ")
    )
}

/// Components were named, or are needed, and none are known.
pub fn unread(config: &Config, page: &Page) -> String {
    match &page.refused {
        Some(refusal) => format!(
            "I do not know the page's components, because it does not let me read it. {}. Nothing was published: until \
             then, tell the public by hand, on the page itself.",
            refusal.because
        ),
        None => format!(
            "I do not know the page's components: it has not answered yet. Nothing was published. Words alone go out as \
             soon as it answers: `{} update investigating \"message\"`.",
            config.commands.statuspage
        ),
    }
}

/// How old what is shown of the page is, once it is worth a thought.
pub(super) fn age(page: &Page, now: Timestamp) -> Option<String> {
    if let Some(refusal) = &page.refused {
        let because = untrusted(&refusal.because);
        return Some(match page.read_at {
            Some(at) => format!(
                ":warning: _That is what the page said {} ago; since then it does not let me read it. {because}._",
                span(now.since(at))
            ),
            None => format!(
                ":warning: _The page does not let me read it, so its components are not known. {because}._"
            ),
        });
    }
    let Some(read_at) = page.read_at else {
        return Some(":warning: _The page has not answered yet, so its components are not known._".into());
    };
    let ago = now.since(read_at);
    (ago > STALE).then(|| {
        format!(
            ":warning: _That is what the page said {} ago; it does not answer since. What you post waits and is published when it does._",
            span(ago)
        )
    })
}

pub(super) fn icon(status: ComponentStatus) -> &'static str {
    match status {
        ComponentStatus::Operational => ":white_check_mark:",
        ComponentStatus::UnderMaintenance => ":wrench:",
        ComponentStatus::DegradedPerformance => ":large_yellow_circle:",
        ComponentStatus::PartialOutage => ":large_orange_circle:",
        ComponentStatus::MajorOutage => ":red_circle:",
    }
}

/// What the public will be told beside the words.
pub(super) fn impact(impact: Option<Impact>) -> String {
    impact.map(|impact| format!(" · impact {impact}")).unwrap_or_default()
}
