//! Publishing: what was asked becomes a post on its way, or a question to its author first. Everything here is one
//! transaction; the page hears of it from a job.

use std::time::Duration;

use super::command::{Asked, Said, Update};
use super::forms;
use super::messages;
use super::model::{Post, PostState, Standing, Unpublished, listed};
use super::page::Page;
use super::plan::{Plan, Question, Wanted, plan};
use super::text;
use crate::clock::Timestamp;
use crate::config::{Config, Impact, SeverityWord, StatusPageKind};
use crate::error::{Error, Result};
use crate::front::{Caller, Message, Reply};
use crate::ids::new_id;
use crate::incidents::asked::find;
use crate::incidents::model::{Actor, Incident, Kind, Source};
use crate::incidents::timeline::NewEntry;
use crate::oncall::Known;
use crate::slack::words::quoted;
use crate::statuspage::PostStatus;
use crate::store::{Json, Tx};

/// A reason says something.
const SHORTEST_REASON: usize = 10;
/// The same words again within this time are meant only if they are said to be.
const JUST_NOW: Duration = Duration::from_secs(300);
/// What a draft says may not be true any more after this.
pub(super) const DRAFT_LIVES: Duration = Duration::from_secs(3600);

/// What is needed to say anything: errs with how to set it up.
pub fn configured(config: &Config) -> Result<()> {
    if config.statuspage.is_some() {
        return Ok(());
    }
    Err(Error::refused(
        "No status page is set up. An administrator can add [statuspage] with kind, page_id and api_key to Firebell's configuration.",
    ))
}

/// What the public has not read yet, of the incidents that the caller may see.
pub async fn unpublished(tx: &mut Tx, caller: &Caller) -> Result<Vec<(Incident, Unpublished)>> {
    let mut found = Vec::new();
    for post in tx.unpublished().await? {
        let incident = tx.visible_incident_by_id(&caller.user, post.incident_id).await?;
        found.extend(incident.map(|incident| (incident, post)));
    }
    Ok(found)
}

/// The public need not hear the same twice because two people wrote it: not what was published since then, unless the
/// public was told meanwhile that it is over.
async fn not_twice(
    tx: &mut Tx,
    config: &Config,
    incident: &Incident,
    post: &Post,
    since: Timestamp,
) -> Result<()> {
    let Some(status) = going_on(&standing(tx, incident).await?, post) else { return Ok(()) };
    let posts = tx.posts_since(incident.id, since).await?;
    let mut latest = posts.iter().take_while(|earlier| earlier.status != Some(PostStatus::Resolved));
    let is_same = |earlier: &&Post| {
        earlier.status == Some(status)
            && earlier.body.eq_ignore_ascii_case(&post.body)
            && earlier.components.0 == post.components.0
    };
    match latest.find(is_same) {
        Some(twin) => Err(Error::refused(messages::told_already(config, twin, post, tx.now()))),
        None => Ok(()),
    }
}

/// The form, with the components and how they are. Writes nothing.
pub async fn form(tx: &mut Tx, known: &Known, page: &Page, caller: &Caller, asked: &Asked) -> Result<Reply> {
    let Asked::Form { target } = asked else { return Err(Error::internal("this asks for no form")) };
    let command = format!("{} update", known.config.commands.statuspage);
    let incident = find(tx, known, caller, target.as_ref(), &command).await?;
    not_a_test(&incident)?;
    let standing = standing(tx, &incident).await?;
    let empty = forms::Filled::default();
    Ok(Reply::Modal(forms::write_form(&known.config, &incident, &standing, page, &empty, tx.now())))
}

/// A typed update.
pub async fn update(
    tx: &mut Tx,
    known: &Known,
    page: &Page,
    caller: &Caller,
    update: &Update,
) -> Result<Reply> {
    let command = format!("{} update", known.config.commands.statuspage);
    let found = find(tx, known, caller, update.target.as_ref(), &command).await?;
    let incident = tx.lock_incident(found.id).await?;
    let is_about_components = !update.components.is_empty() || matches!(update.said, Said::Component(_));
    if page.read_at.is_none() && is_about_components {
        return Err(Error::refused(messages::unread(&known.config, page)));
    }
    is_message(update, page, known)?;
    let message = update.message.as_deref().map(|typed| text::public(typed, &known.people)).transpose()?;
    let components = page.named(&update.components)?;
    let wanted = Wanted { said: update.said, message, components, chosen: Vec::new(), again: update.again };
    let reason = update.reason.as_deref();
    let (post, question) = prepare(tx, known, page, caller, &incident, &wanted, reason).await?;
    tx.insert_post(&post).await?;
    if question.is_none() {
        return Ok(Reply::Only(publish(tx, &known.config, &incident, &post, post.restores).await?));
    }
    Ok(Reply::Only(forms::question(&incident, &post, &question)))
}

/// The one quoted text could be a message or a component's name: what is public is not guessed.
fn is_message(update: &Update, page: &Page, known: &Known) -> Result<()> {
    let Some(message) = update.message.as_ref().filter(|_| update.components.is_empty()) else {
        return Ok(());
    };
    let Some(component) = page.exact(message) else { return Ok(()) };
    let (name, said) = (&known.config.commands.statuspage, update.said.word());
    let called = component.full_name();
    Err(Error::refused(format!(
        "Is “{called}” the message, or the component? With both it is clear: `{name} update {said} \"what customers should read\" \"{called}\"`."
    )))
}

/// A state is that of components: whose it is is not guessed.
fn whose_state(wanted: &Wanted<'_>, standing: &Standing, page: &Page, config: &Config) -> Result<()> {
    let Said::Component(status) = wanted.said else { return Ok(()) };
    if !wanted.components.is_empty() || !wanted.chosen.is_empty() {
        return Ok(());
    }
    let named: Vec<&str> = standing.components.values().map(|named| named.name.as_str()).collect();
    let (example, rest) = match (named.as_slice(), page.components.first()) {
        ([], Some(first)) => (first.full_name(), String::new()),
        ([], None) => ("component".to_owned(), String::new()),
        (named, _) => (named.join(", "), format!(" The post is about {}.", listed(named))),
    };
    let message = if wanted.message.is_some() { " \"message\"" } else { "" };
    Err(Error::refused(format!(
        "Which component? “{}” is the state of components, so name them: `{} update {}{message} {}`.{rest} Nothing was published.",
        status.title(),
        config.commands.statuspage,
        status.word(),
        quoted(&example)
    )))
}

/// The post that is wanted, as a draft that is not written yet, and what its author is asked before it goes out.
pub(super) async fn prepare(
    tx: &mut Tx,
    known: &Known,
    page: &Page,
    caller: &Caller,
    incident: &Incident,
    wanted: &Wanted<'_>,
    reason: Option<&str>,
) -> Result<(Post, Question)> {
    not_a_test(incident)?;
    let reason = reason_for(known, incident, reason)?;
    let standing = standing(tx, incident).await?;
    if !incident.is_open() && !standing.is_there {
        return Err(Error::refused(format!(
            "{} is {}, and the status page says nothing of it. If it is back, reopen it first.",
            incident.label(),
            incident.status
        )));
    }
    whose_state(wanted, &standing, page, &known.config)?;
    let (impact, is_wanted) = match known.config.severity(&incident.severity) {
        SeverityWord::Known(severity) => (severity.impact, severity.preview),
        SeverityWord::TooHigh | SeverityWord::Unknown => (Impact::Minor, false),
    };
    let Plan { status, impact, components, body, question } = plan(wanted, &standing, page, impact)?;
    let stateless: Vec<&str> =
        components.values().filter(|named| named.status.is_none()).map(|named| named.name.as_str()).collect();
    if !lists_components(&known.config) && !stateless.is_empty() {
        return Err(Error::refused(messages::needs_state(&known.config, &stateless)));
    }
    let question = Question { is_wanted, ..question };
    let names: Vec<&str> = components.values().map(|named| named.name.as_str()).collect();
    let post = Post {
        id: new_id(tx.clock()),
        incident_id: incident.id,
        number: None,
        state: PostState::Draft,
        status,
        impact,
        name: text::public_name(&incident.title, incident.is_private, &names),
        body,
        components: Json(components),
        restores: status == Some(PostStatus::Resolved) && question.unwell.is_empty(),
        asked_by: caller.user.clone(),
        asked_by_name: caller.name.clone(),
        asked_at: tx.now(),
        reason,
    };
    if !wanted.again {
        not_twice(tx, &known.config, incident, &post, tx.now() - JUST_NOW).await?;
    }
    Ok((post, question))
}

/// Whether a post can name a component without setting its state: on Cachet, the public would see nothing of it.
pub(super) fn lists_components(config: &Config) -> bool {
    config.statuspage.as_ref().is_none_or(|page| page.kind != StatusPageKind::Cachet)
}

pub(super) async fn standing(tx: &mut Tx, incident: &Incident) -> Result<Standing> {
    let notice = tx.notice(incident.id).await?;
    Ok(Standing::of(notice.as_ref(), &tx.waiting_posts(incident.id).await?))
}

/// Sends a draft on its way. The incident is locked.
pub(super) async fn publish(
    tx: &mut Tx,
    config: &Config,
    incident: &Incident,
    post: &Post,
    restores: bool,
) -> Result<Message> {
    let is_over = post.status == Some(PostStatus::Resolved);
    let standing = standing(tx, incident).await?;
    if is_over && standing.status == Some(PostStatus::Resolved) {
        return Err(Error::refused("It is resolved on the status page already."));
    }
    // Whoever wrote it did not know that the public would be told that it is over.
    let is_over_since = standing.is_there && !standing.is_open() && standing.changed_at > Some(post.asked_at);
    if is_over_since {
        return Err(Error::refused(
            "It was resolved on the status page meanwhile: nothing was published. Write it anew if it is back.",
        ));
    }
    // Nor did they know what somebody else published after they were asked.
    not_twice(tx, config, incident, post, post.asked_at).await?;
    let restores = restores && is_over;
    let status = going_on(&standing, post);
    let impact = status.and(post.impact.or(standing.impact));
    let earlier = tx.unpublished().await?.into_iter().find(Unpublished::waits);
    let job_id = tx.enqueue(post.job()).await?;
    if !tx.publish_post(post.id, job_id, status, impact, restores).await? {
        return Err(stale());
    }
    if let Some(reason) = &post.reason {
        let text = format!("Told the public of a private incident, because: {reason}");
        let by = Actor { name: post.asked_by_name.clone(), slack: Some(post.asked_by.clone()) };
        let entry = NewEntry::new(Kind::Statuspage, Source::Slack, by, text);
        tx.append(incident.id, entry.once(format!("notice:reason:{}", post.id))).await?;
    }
    let mut message = messages::publishing(incident, post, status.is_none());
    message.text.extend(earlier.map(|earlier| messages::waits_behind(&earlier, tx.now())));
    Ok(message)
}

/// Where the page incident stands after it. What only goes on from what is there says so: should that not be published
/// after all, this post stands alone. `None`: the public reads no words.
fn going_on(standing: &Standing, post: &Post) -> Option<PostStatus> {
    post.status.or(if standing.is_open() { standing.status } else { None })
}

/// Customers would take a test for the real thing.
fn not_a_test(incident: &Incident) -> Result<()> {
    if !incident.is_test {
        return Ok(());
    }
    Err(Error::refused(format!("{} is a test: nothing of it goes to the status page.", incident.label())))
}

/// The reason that a private incident needs; the others need none.
fn reason_for(known: &Known, incident: &Incident, given: Option<&str>) -> Result<Option<String>> {
    if !incident.is_private {
        return Ok(None);
    }
    let name = &known.config.commands.statuspage;
    match given {
        Some(reason) if is_reason(reason) => {
            Ok(Some(reason.split_whitespace().collect::<Vec<_>>().join(" ")))
        }
        Some(_) => Err(Error::refused(format!(
            "Say why, in at least {SHORTEST_REASON} characters and in quotes: `{name} update … --force \"customers have noticed\"`."
        ))),
        None => Err(Error::refused(format!(
            "{} is private: nothing was published. If the public has to know, say why: `{name} update … --force \"customers have noticed\"`. The reason stays on the timeline.",
            incident.label()
        ))),
    }
}

pub(super) fn is_reason(given: &str) -> bool {
    given.split_whitespace().collect::<Vec<_>>().join(" ").chars().count() >= SHORTEST_REASON
}

pub(super) fn stale() -> Error {
    Error::not_found(
        "That is out of date: it has been published, changed or cancelled, or an hour has passed. Write it anew.",
    )
}
