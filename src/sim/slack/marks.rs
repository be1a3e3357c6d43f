//! Bookmarks, pins and reactions. <https://docs.slack.dev/reference/methods/bookmarks.add>

use serde_json::{Value, json};

use super::Slack;
use super::args::{Answer, Refusal, no};
use super::call::Call;
use super::state::{Bookmark, Message, ts_micros};

const MOST_BOOKMARKS: usize = 100;
const MOST_PINS: usize = 100;
const LONGEST_TITLE: usize = 256;
const LONGEST_LINK: usize = 2048;

impl Bookmark {
    fn to_json(&self, channel: &str) -> Value {
        json!({"id": self.id, "channel_id": channel, "title": self.title, "link": self.link, "emoji": self.emoji,
            "icon_url": null, "type": "link", "entity_id": null, "app_id": Slack::APP_ID})
    }
}

/// Adds another each time it is called: the same link twice makes two.
pub(super) fn add_bookmark(call: &mut Call<'_>) -> Answer {
    let id = bookmarked(call)?;
    if call.args.text("type") != "link" {
        return Err(no("invalid_bookmark_type"));
    }
    let bookmark = Bookmark {
        id: String::new(),
        title: call.args.text("title"),
        link: call.args.text("link"),
        emoji: call.args.text("emoji"),
    };
    check_bookmark(&bookmark)?;
    if call.world.channels[&id].bookmarks.len() >= MOST_BOOKMARKS {
        return Err(no("too_many_bookmarks"));
    }
    let bookmark = Bookmark { id: call.world.fresh("Bk"), ..bookmark };
    let shown = bookmark.to_json(&id);
    call.world.channel_mut(&id).bookmarks.push(bookmark);
    Ok(json!({"bookmark": shown}))
}

/// The channel whose bookmarks the caller may change.
fn bookmarked(call: &Call<'_>) -> Result<String, Refusal> {
    call.own_channel_id("channel_id").map_err(|refusal| match refusal.code.as_str() {
        "not_in_channel" => no("permission_denied"),
        _ => refusal,
    })
}

fn check_bookmark(bookmark: &Bookmark) -> Result<(), Refusal> {
    if bookmark.title.is_empty() || bookmark.title.chars().count() > LONGEST_TITLE {
        return Err(Refusal::arguments(&[format!("title must have 1 to {LONGEST_TITLE} characters")]));
    }
    let is_web = bookmark.link.starts_with("https://") || bookmark.link.starts_with("http://");
    if !is_web || bookmark.link.len() > LONGEST_LINK {
        return Err(no("invalid_link"));
    }
    let emoji = &bookmark.emoji;
    let is_emoji = emoji.len() > 2 && emoji.starts_with(':') && emoji.ends_with(':');
    if emoji.is_empty() || is_emoji { Ok(()) } else { Err(no("invalid_emoji")) }
}

pub(super) fn list_bookmarks(call: &mut Call<'_>) -> Answer {
    let id = call.channel_id("channel_id")?;
    let shown: Vec<_> = call.world.channels[&id].bookmarks.iter().map(|b| b.to_json(&id)).collect();
    Ok(json!({"bookmarks": shown}))
}

pub(super) fn edit_bookmark(call: &mut Call<'_>) -> Answer {
    let id = bookmarked(call)?;
    let wanted = call.args.text("bookmark_id");
    let (title, link, emoji) = (call.args.opt("title"), call.args.opt("link"), call.args.opt("emoji"));
    let bookmarks = &mut call.world.channel_mut(&id).bookmarks;
    let old = bookmarks.iter_mut().find(|b| b.id == wanted).ok_or_else(|| no("not_found"))?;
    let new = Bookmark {
        id: wanted,
        title: title.unwrap_or_else(|| old.title.clone()),
        link: link.unwrap_or_else(|| old.link.clone()),
        emoji: emoji.unwrap_or_else(|| old.emoji.clone()),
    };
    check_bookmark(&new)?;
    let shown = new.to_json(&id);
    *old = new;
    Ok(json!({"bookmark": shown}))
}

pub(super) fn remove_bookmark(call: &mut Call<'_>) -> Answer {
    let id = bookmarked(call)?;
    let wanted = call.args.text("bookmark_id");
    let bookmarks = &mut call.world.channel_mut(&id).bookmarks;
    let at = bookmarks.iter().position(|b| b.id == wanted).ok_or_else(|| no("not_found"))?;
    bookmarks.remove(at);
    Ok(json!({}))
}

/// Channel and `ts` of the message in the `timestamp` argument.
fn target(call: &Call<'_>) -> Result<(String, String), Refusal> {
    let id = call.own_channel_id("channel")?;
    let ts = call.args.opt("timestamp").ok_or_else(|| no("no_item_specified"))?;
    if !ts.contains('.') || ts_micros(&ts).is_none() {
        return Err(no("bad_timestamp"));
    }
    call.world.channels[&id].message(&ts).ok_or_else(|| no("message_not_found"))?;
    Ok((id, ts))
}

pub(super) fn pin(call: &mut Call<'_>) -> Answer {
    let (id, ts) = target(call)?;
    let channel = call.world.channel_mut(&id);
    match () {
        () if channel.pins.contains(&ts) => Err(no("already_pinned")),
        () if channel.message(&ts).is_some_and(|m| m.subtype.is_some()) => Err(no("not_pinnable")),
        () if channel.pins.len() >= MOST_PINS => Err(no("too_many_pins")),
        () => {
            channel.pins.push(ts);
            Ok(json!({}))
        }
    }
}

pub(super) fn list_pins(call: &mut Call<'_>) -> Answer {
    let id = call.channel_id("channel")?;
    let channel = &call.world.channels[&id];
    let item = |m: &Message| json!({"type": "message", "channel": id, "message": m.to_json(false, 0)});
    let items: Vec<_> = channel.pins.iter().filter_map(|ts| channel.message(ts)).map(item).collect();
    Ok(json!({"items": items}))
}

pub(super) fn unpin(call: &mut Call<'_>) -> Answer {
    let (id, ts) = target(call)?;
    let pins = &mut call.world.channel_mut(&id).pins;
    let at = pins.iter().position(|p| *p == ts).ok_or_else(|| no("no_pin"))?;
    pins.remove(at);
    Ok(json!({}))
}

fn reaction(call: &Call<'_>) -> Result<(String, String, String), Refusal> {
    let name = call.args.text("name");
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_+-'".contains(c);
    let (plain, tone) = name.split_once("::").unwrap_or((&name, "skin-tone-2"));
    if plain.is_empty() || !plain.chars().all(is_name) || !tone.starts_with("skin-tone-") {
        return Err(no("invalid_name"));
    }
    let (id, ts) = target(call)?;
    Ok((id, ts, name))
}

pub(super) fn react(call: &mut Call<'_>) -> Answer {
    let (id, ts, name) = reaction(call)?;
    let me = call.me();
    let channel = call.world.channel_mut(&id);
    if channel.is_archived {
        return Err(no("is_archived"));
    }
    let message = channel.message_mut(&ts).ok_or_else(|| no("message_not_found"))?;
    let is_new = message.reactions.entry(name).or_default().insert(me.to_owned());
    if is_new { Ok(json!({})) } else { Err(no("already_reacted")) }
}

pub(super) fn unreact(call: &mut Call<'_>) -> Answer {
    let (id, ts, name) = reaction(call)?;
    let me = call.me();
    let message = call.world.channel_mut(&id).message_mut(&ts).ok_or_else(|| no("message_not_found"))?;
    let was_there = message.reactions.get_mut(&name).is_some_and(|users| users.remove(me));
    message.reactions.retain(|_, users| !users.is_empty());
    if was_there { Ok(json!({})) } else { Err(no("no_reaction")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{OPS, room};

    #[tokio::test]
    async fn the_same_bookmark_twice_makes_two() {
        let room = room().await;
        let add = json!({"channel_id": OPS, "title": "Page", "type": "link", "link": "https://example.com"});
        assert_eq!(room.no("bookmarks.add", add.clone()).await, "permission_denied");
        room.ok("conversations.join", json!({"channel": OPS})).await;
        let id = room.ok("bookmarks.add", add.clone()).await["bookmark"]["id"].clone();
        room.ok("bookmarks.add", add.clone()).await;
        assert_eq!(
            room.ok("bookmarks.list", json!({"channel_id": OPS})).await["bookmarks"][1]["title"],
            "Page"
        );
        let edit = json!({"channel_id": OPS, "bookmark_id": id, "title": "New"});
        assert_eq!(room.ok("bookmarks.edit", edit).await["bookmark"]["link"], "https://example.com");
        room.ok("bookmarks.remove", json!({"channel_id": OPS, "bookmark_id": id})).await;
        assert_eq!(
            room.no("bookmarks.remove", json!({"channel_id": OPS, "bookmark_id": id})).await,
            "not_found"
        );
        let mut bad = add.clone();
        bad["link"] = json!("javascript:alert(1)");
        assert_eq!(room.no("bookmarks.add", bad).await, "invalid_link");
        let mut bad = add;
        bad["title"] = json!("x".repeat(257));
        assert_eq!(room.no("bookmarks.add", bad).await, "invalid_arguments");
    }

    #[tokio::test]
    async fn pins_once() {
        let room = room().await;
        let ts = room.slack.person_posts(OPS, "U1", "look");
        let pin = json!({"channel": OPS, "timestamp": ts});
        assert_eq!(room.no("pins.add", pin.clone()).await, "not_in_channel");
        room.ok("conversations.join", json!({"channel": OPS})).await;
        room.ok("pins.add", pin.clone()).await;
        assert_eq!(room.no("pins.add", pin.clone()).await, "already_pinned");
        assert_eq!(room.get("pins.list", &[("channel", OPS)]).await["items"][0]["message"]["text"], "look");
        assert_eq!(room.slack.transcript("ops"), "10:00 ann [pinned]: look");
        room.ok("pins.remove", pin.clone()).await;
        assert_eq!(room.no("pins.remove", pin).await, "no_pin");
        let none = json!({"channel": OPS, "timestamp": "1.5"});
        assert_eq!(room.no("pins.add", none).await, "message_not_found");
        assert_eq!(room.no("pins.add", json!({"channel": OPS})).await, "no_item_specified");
    }

    #[tokio::test]
    async fn reacts_once() {
        let room = room().await;
        room.ok("conversations.join", json!({"channel": OPS})).await;
        let ts = room.slack.person_posts(OPS, "U1", "look");
        let eyes = json!({"channel": OPS, "timestamp": ts, "name": "eyes"});
        room.ok("reactions.add", eyes.clone()).await;
        assert_eq!(room.no("reactions.add", eyes.clone()).await, "already_reacted");
        assert_eq!(room.slack.transcript("ops"), "10:00 ann: look\n:eyes: 1");
        room.ok("reactions.remove", eyes.clone()).await;
        assert_eq!(room.no("reactions.remove", eyes).await, "no_reaction");
        let colons = json!({"channel": OPS, "timestamp": ts, "name": ":eyes:"});
        assert_eq!(room.no("reactions.add", colons).await, "invalid_name");
    }
}
