//! Publishes one post. The page has no idempotency key: our incident's id stands in the page incident's metadata, and is
//! looked for before one is made; a second attempt looks whether the first got through.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::by;
use crate::app::App;
use crate::clock::Timestamp;
use crate::config::Impact;
use crate::error::{Error, Result};
use crate::incidents::model::{Kind, Source};
use crate::incidents::timeline::NewEntry;
use crate::jobs::{Finished, Job};
use crate::notices::messages::{self, Told};
use crate::notices::model::{Components, Named, Notice, Post, PostState, Standing};
use crate::notices::page::read_job;
use crate::statuspage::{
    Client, ComponentStatus, Mark, NewPublicIncident, PostStatus, PublicIncident, Update,
};
use crate::store::{Json, Priority, Tx};

/// What the page has of the incident after the call.
struct Done {
    /// Id and address; `None` when only components were set.
    page_incident: Option<(String, String)>,
    is_new: bool,
    standing: Standing,
    set: Components,
    left: Vec<String>,
}

pub(super) async fn publish(app: &App, job: &Job, id: Uuid) -> Result<Finished> {
    let (Some(statuspage), Some(config)) = (&app.statuspage, &app.config.statuspage) else {
        return Err(Error::refused("no status page is set up any more"));
    };
    let mut tx = app.db.read().await?;
    let post = tx.notice_post(id).await?;
    // One that had failed and was brought back by `jobs retry` is on its way again.
    let Some(mut post) = post.filter(Post::is_on_its_way) else {
        return job.finish_bare(&app.db).await;
    };
    // One on the page that was configured before is nothing to this one.
    let notice = tx.notice(post.incident_id).await?.filter(|notice| notice.place == config.place());
    let is_overtaken = tx.is_overtaken(&post).await?;
    let same = match post.status {
        Some(status) => usize::try_from(tx.same_posts(&post, status).await?).unwrap_or(0),
        None => 0,
    };
    drop(tx);
    if is_overtaken {
        return drop_overtaken(app, job, &post).await;
    }
    let looks = job.is_retry().then_some(same);
    let done = on_the_page(app, statuspage, &mut post, notice, looks).await?;
    record(app, job, &config.place(), &post, &done).await
}

async fn on_the_page(
    app: &App,
    client: &Client,
    post: &mut Post,
    mut notice: Option<Notice>,
    looks: Option<usize>,
) -> Result<Done> {
    let ours = post.incident_id.to_string();
    let Some(status) = post.status else { return silently(client, post).await };
    if notice.is_none() {
        // Ours may be there all the same: its answer was lost, and the post that made it has failed since.
        if let Some(found) = client.find(&ours).await? {
            if found.last_post.as_deref() == Some(&post.id.to_string()) {
                return made(app, client, post, found).await;
            }
            notice = Some(found_there(post, found, app.clock.now()));
        }
    }
    if let Some(notice) = &notice
        && let Some(done) = update(app, client, post, notice, looks).await?
    {
        return Ok(done);
    }
    // Not there, or deleted on the page by hand.
    if status == PostStatus::Resolved {
        return silently(client, post).await;
    }
    let created = client
        .create(&NewPublicIncident {
            mark: Mark { incident: &ours, post: &post.id.to_string() },
            name: &post.name,
            status,
            impact: post.impact.unwrap_or(Impact::Minor),
            body: &post.body,
            component_ids: &post.components.0.keys().cloned().collect::<Vec<_>>(),
            components: &statuses(&post.components.0),
        })
        .await?;
    made(app, client, post, created).await
}

/// Only components.
async fn silently(client: &Client, post: &Post) -> Result<Done> {
    client.set_components(&statuses(&post.components.0)).await?;
    let set = post.components.0.clone();
    Ok(Done { page_incident: None, is_new: false, standing: Standing::default(), set, left: Vec::new() })
}

/// The page incident that this post has made.
async fn made(app: &App, client: &Client, post: &mut Post, incident: PublicIncident) -> Result<Done> {
    let mut set = post.components.0.clone();
    set_apart(app, client, post, &mut set).await?;
    Ok(Done {
        page_incident: Some((incident.id, incident.url)),
        is_new: true,
        standing: Standing::default().after(post),
        set,
        left: Vec::new(),
    })
}

/// Ours, found on the page.
fn found_there(post: &Post, found: PublicIncident, at: Timestamp) -> Notice {
    Notice {
        incident_id: post.incident_id,
        place: String::new(),
        page_incident_id: found.id,
        url: Some(found.url),
        status: PostStatus::from_word(&found.status),
        impact: None,
        components: Json(Components::new()),
        changed_at: at,
    }
}

/// One more post; `None` when the page has no such incident any more.
async fn update(
    app: &App,
    client: &Client,
    post: &mut Post,
    notice: &Notice,
    looks: Option<usize>,
) -> Result<Option<Done>> {
    let id = &notice.page_incident_id;
    let was = Standing::of(Some(notice), &[]);
    let mut standing = was.clone().after(&Post { restores: false, ..post.clone() });
    let (mut set, mut left) = (post.components.0.clone(), Vec::new());
    if post.restores {
        let others = others(client, id).await?;
        for (component, named) in &mut standing.components {
            let is_named = post.components.0.get(component).is_some_and(|named| named.status.is_some());
            if others.contains(component) && !is_named {
                left.push(named.name.clone());
            } else if !is_named {
                named.status = Some(ComponentStatus::Operational);
                set.insert(component.clone(), named.clone());
            }
        }
    }
    let status = standing.status.unwrap_or(PostStatus::Investigating);
    let component_ids: Vec<String> = standing.components.keys().cloned().collect();
    let wanted = statuses(&set);
    let update = Update {
        mark: Mark { incident: &post.incident_id.to_string(), post: &post.id.to_string() },
        status,
        impact: standing.impact.unwrap_or(Impact::Minor),
        body: &post.body,
        component_ids: &component_ids,
        components: &wanted,
    };
    if post.state != PostState::Said && !client.update(id, &update, looks).await? {
        return Ok(None);
    }
    set_apart(app, client, post, &mut set).await?;
    let url = notice.url.clone().unwrap_or_default();
    let standing = Standing { status: Some(status), ..standing };
    Ok(Some(Done { page_incident: Some((id.clone(), url)), is_new: false, standing, set, left }))
}

/// Where the words carry no components: sets those that have a state now that the words are out.
async fn set_apart(app: &App, client: &Client, post: &mut Post, set: &mut Components) -> Result<()> {
    if !client.sets_components_apart() {
        return Ok(());
    }
    set.retain(|_, named| named.status.is_some());
    if set.is_empty() {
        return Ok(());
    }
    said(app, post).await?;
    Ok(client.set_components(&statuses(set)).await?)
}

/// Remembers that the public reads the words, so that nobody is told otherwise while the rest is tried.
async fn said(app: &App, post: &mut Post) -> Result<()> {
    let mut tx = app.db.write(Priority::Job).await?;
    if tx.move_post(post.id, post.state, PostState::Said).await? {
        post.state = PostState::Said;
    }
    tx.commit().await
}

/// The components that other open posts are about: not ours to restore.
async fn others(client: &Client, ours: &str) -> Result<BTreeSet<String>> {
    let open = client.unresolved().await?;
    Ok(open.into_iter().filter(|other| other.id != ours).flat_map(|other| other.component_ids).collect())
}

fn statuses(components: &Components) -> BTreeMap<String, ComponentStatus> {
    components.iter().filter_map(|(id, Named { status, .. })| Some((id.clone(), (*status)?))).collect()
}

async fn record(app: &App, job: &Job, place: &str, post: &Post, done: &Done) -> Result<Finished> {
    let mut tx = app.db.write(Priority::Job).await?;
    let id = post.incident_id;
    let incident = tx.incident(id).await?;
    let standing = &done.standing;
    if let Some((page_incident, url)) = &done.page_incident {
        tx.set_public_incident(id, place, page_incident, url).await?;
        tx.set_notice(id, standing.status, standing.impact, &standing.components).await?;
    } else if post.status.is_some() {
        tx.forget_page_incident(id).await?;
    } else if let Some(notice) = tx.notice(id).await? {
        let mut components = notice.components.0;
        components.extend(done.set.clone());
        tx.set_notice(id, notice.status, notice.impact, &components).await?;
    }
    settle(&mut tx, post, PostState::Done).await?;
    let told = Told {
        post,
        status: standing.status,
        url: done.page_incident.as_ref().map(|(_, url)| url.as_str()),
        is_new: done.is_new,
        set: &done.set,
        left: &done.left,
    };
    let entry = NewEntry::new(Kind::Statuspage, Source::Slack, by(post), messages::on_the_timeline(&told));
    let entry = tx.append(id, entry.once(format!("notice:{}", post.id))).await?;
    tx.say_entry(&incident, entry, messages::published(&told)).await?;
    tx.enqueue(read_job()).await?;
    job.finish(tx).await
}

/// A post that was brought back after a later one went out would tell the public old news as new.
async fn drop_overtaken(app: &App, job: &Job, post: &Post) -> Result<Finished> {
    let mut tx = app.db.write(Priority::Job).await?;
    let incident = tx.incident(post.incident_id).await?;
    settle(&mut tx, post, PostState::Dropped).await?;
    tx.say(&incident, messages::overtaken(post)).await?;
    job.finish(tx).await
}

async fn settle(tx: &mut Tx, post: &Post, to: PostState) -> Result<()> {
    tx.move_post(post.id, post.state, to).await?;
    Ok(())
}
