//! One call being carried out: on whose behalf, what they may and can see, and Slack's way of paging.

use serde_json::json;

use super::Slack;
use super::args::{Args, Refusal, no};
use super::methods::Method;
use super::state::{Channel, World};
use crate::clock::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Bot,
    /// An administrator's own, for user groups.
    User,
}

/// The scopes of [`Slack::USER_TOKEN`].
const USER_SCOPES: &[&str] = &["usergroups:read", "usergroups:write"];
pub(super) fn scopes_of(world: &World, token: Token) -> Vec<String> {
    match token {
        Token::Bot => world.scopes.clone(),
        Token::User => USER_SCOPES.iter().map(ToString::to_string).collect(),
    }
}

/// One of these scopes, or `missing_scope` with `needed` and `provided`.
pub(super) fn demand(world: &World, token: Token, any: &[&str]) -> Result<(), Refusal> {
    let provided = scopes_of(world, token);
    if any.is_empty() || provided.iter().any(|scope| any.contains(&scope.as_str())) {
        return Ok(());
    }
    Err(no("missing_scope").with("needed", json!(any.join(","))).with("provided", json!(provided.join(","))))
}

/// A call with its arguments, under the lock of the world.
pub(super) struct Call<'a> {
    pub world: &'a mut World,
    pub now: Timestamp,
    pub method: &'static Method,
    pub token: Token,
    pub args: Args,
}

impl Call<'_> {
    /// The user as whom the token acts.
    pub fn me(&self) -> &'static str {
        match self.token {
            Token::Bot => Slack::BOT_USER,
            Token::User => Slack::ADMIN_USER,
        }
    }

    pub fn demand(&self, any: &[&str]) -> Result<(), Refusal> {
        demand(self.world, self.token, any)
    }

    pub fn has_scope(&self, scope: &str) -> bool {
        self.demand(&[scope]).is_ok()
    }

    /// The id in this argument, if the caller can see that conversation and has the scope for its kind.
    pub fn channel_id(&self, arg: &str) -> Result<String, Refusal> {
        let id = self.args.text(arg);
        let channel = self.world.channels.get(&id).ok_or_else(|| no("channel_not_found"))?;
        let scopes = self.method.scopes;
        let is_hidden = channel.is_private && !channel.members.contains(self.me());
        match channel {
            Channel { dm_with: Some(_), .. } => self.demand(scopes.im)?,
            Channel { is_private: true, .. } => self.demand(scopes.private)?,
            _ => self.demand(scopes.public)?,
        }
        if is_hidden { Err(no("channel_not_found")) } else { Ok(id) }
    }

    /// [`Self::channel_id`], of which the caller must be a member.
    pub fn own_channel_id(&self, arg: &str) -> Result<String, Refusal> {
        let id = self.channel_id(arg)?;
        if self.world.channels[&id].members.contains(self.me()) { Ok(id) } else { Err(no("not_in_channel")) }
    }

    /// One page of `items`, and the cursor of the next. Slack may answer pages that are shorter than asked
    /// for, and empty ones in the middle; whenever there is more than one page, so do we.
    pub fn page<T>(&self, items: Vec<T>, default: usize) -> Result<(Vec<T>, String), Refusal> {
        let asked = match self.args.opt("limit") {
            None => default,
            Some(limit) => {
                limit.parse::<usize>().ok().filter(|n| *n <= 1000).ok_or_else(|| no("invalid_limit"))?
            }
        };
        let asked = if asked == 0 { default } else { asked };
        let most = self.world.page_size.map_or(asked, |cap| asked.min(cap)).max(1);
        let cursor = self.args.text("cursor");
        let (start, is_gap) =
            self.read_cursor(&cursor).filter(|c| c.0 <= items.len()).ok_or_else(|| no("invalid_cursor"))?;
        if is_gap {
            return Ok((Vec::new(), self.cursor(start, false)));
        }
        let left = items.len() - start;
        if cursor.is_empty() && left <= most {
            return Ok((items, String::new()));
        }
        let size = most.saturating_sub(1).max(1).min(left);
        let next = if size == left { String::new() } else { self.cursor(start + size, cursor.is_empty()) };
        Ok((items.into_iter().skip(start).take(size).collect(), next))
    }

    /// Opaque, of this method only, and with a character that must be encoded in a query.
    fn cursor(&self, start: usize, gap_first: bool) -> String {
        format!("{}==", hex::encode(format!("{} {start} {gap_first}", self.method.name)))
    }

    fn read_cursor(&self, cursor: &str) -> Option<(usize, bool)> {
        if cursor.is_empty() {
            return Some((0, false));
        }
        let text = String::from_utf8(hex::decode(cursor.strip_suffix("==")?).ok()?).ok()?;
        let mut words = text.strip_prefix(self.method.name)?.split_whitespace();
        Some((words.next()?.parse().ok()?, words.next()? == "true"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{OPS, room};

    #[tokio::test]
    async fn a_missing_scope_names_what_is_needed_and_what_there_is() {
        let room = room().await;
        room.slack.set_scopes(&["chat:write", "groups:history", "groups:write"]);
        let body = room.call("conversations.create", json!({"name": "inc-1"})).await;
        assert_eq!(body["error"], "missing_scope");
        assert_eq!(body["needed"], "channels:manage");
        assert_eq!(body["provided"], "chat:write,groups:history,groups:write");
        room.ok("conversations.create", json!({"name": "inc-1", "is_private": true})).await;
        // a scope for private channels opens no public one
        assert_eq!(room.no("conversations.history", json!({"channel": OPS})).await, "missing_scope");
        room.slack.revoke();
        assert_eq!(room.no("auth.test", json!({})).await, "invalid_auth");
    }

    #[tokio::test]
    async fn lists_come_in_short_pages_with_an_empty_one_among_them() {
        let room = room().await;
        room.slack.set_page_size(3);
        let (users, sizes) = room.all("users.list", "members", &[("limit", "200")]).await;
        assert_eq!((users.len(), sizes), (6, vec![2, 0, 2, 2]));
        assert_eq!(room.get("users.list", &[("cursor", "made-up")]).await["error"], "invalid_cursor");
        assert_eq!(room.get("users.list", &[("limit", "5000")]).await["error"], "invalid_limit");
    }
}
