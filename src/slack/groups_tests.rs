//! User groups and topics against the simulated Slack's own HTTP.

use std::time::Duration;

use super::*;
use crate::clock::Timestamp;
use crate::ids::{ChannelId, SlackUserId};
use crate::sim::desk::Desk;
use crate::sim::slack::Slack;

async fn workspace(user_token: Option<&str>) -> (Slack, Client) {
    let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
    let slack = Slack::start(clock.clone(), Desk::new(clock.clone())).await.expect("a free port");
    for (id, name) in [("U1", "ana"), ("U2", "ben")] {
        slack.add_user(id, name, name, &format!("{name}@example.com"));
    }
    let settings = Settings {
        api_url: slack.api_url(),
        bot_token: Slack::BOT_TOKEN.into(),
        user_token: user_token.map(Into::into),
        response_hosts: Vec::new(),
    };
    let http = crate::http_client::client(Duration::from_secs(5));
    let client = Client::new(http, clock, settings, std::sync::Arc::new(|_, _, _, _| {}));
    (slack, client)
}

#[tokio::test]
async fn a_group_is_made_filled_and_found_disabled() {
    let (slack, client) = workspace(None).await;
    let made = client.create_usergroup("Payments on call", "payments-oncall").await.expect("made");
    assert_eq!((made.handle.as_str(), made.users.len(), made.disabled), ("payments-oncall", 0, false));
    let people = [SlackUserId::new("U1"), SlackUserId::new("U2")];
    let filled = client.set_usergroup_users(&made.id, &people).await.expect("filled");
    assert_eq!(filled.users, people);
    slack.change_group_by("U2", made.id.as_str(), |g| g.disabled_at = Some(Timestamp::from_secs(1)));
    let listed = client.list_usergroups().await.expect("listed");
    assert_eq!((listed[0].disabled, &listed[0].users), (true, &filled.users));
    assert_eq!(listed[0].updated_by, Some(SlackUserId::new("U2")));
    let refused = client.set_usergroup_users(&made.id, &people).await.expect_err("it is disabled");
    assert_eq!(refused.code(), Some("no_such_subteam"));
    let taken = client.create_usergroup("Other", "ana").await.expect_err("a person has it");
    assert_eq!(taken.code(), Some("handle_already_exists"));
}

#[tokio::test]
async fn an_admins_token_may_what_the_bots_may_not() {
    for (token, code) in [(None, Some("permission_denied")), (Some(Slack::USER_TOKEN), None)] {
        let (slack, client) = workspace(token).await;
        slack.let_bots_edit_usergroups(false);
        let made = client.create_usergroup("Payments", "payments").await;
        assert_eq!(made.as_ref().err().and_then(Upstream::code), code);
        if let Ok(made) = made {
            assert_eq!(made.updated_by, Some(SlackUserId::new(Slack::ADMIN_USER)));
        }
    }
}

#[tokio::test]
async fn a_topic_comes_back_as_a_person_or_we_set_it() {
    let (slack, client) = workspace(None).await;
    let channel = slack.add_channel("payments", false, "U1", &[Slack::BOT_USER]);
    slack.person_sets_topic(&channel, "U1", "Money in, money out");
    let id = ChannelId::new(channel.as_str());
    assert_eq!(client.topic(&id).await.expect("read"), "Money in, money out");
    client.set_topic(&id, "On call: Ana").await.expect("set");
    assert_eq!(client.topic(&id).await.expect("read"), "On call: Ana");
}
