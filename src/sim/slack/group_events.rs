//! What Slack tells the app when a user group changes, whoever did it: the app itself too.
//! <https://docs.slack.dev/reference/events/subteam_members_changed>

use serde_json::{Value, json};

use super::Slack;
use super::state::{UserGroup, World};
use crate::clock::Timestamp;
use crate::sim::signed::Signed;

impl World {
    /// Changes a group in somebody's name, and queues what Slack says about it: the group, and before that who came
    /// and went. Nothing for a group that is not there.
    pub fn change_group(&mut self, id: &str, by: &str, now: Timestamp, edit: impl FnOnce(&mut UserGroup)) {
        let Some(group) = self.usergroups.get_mut(id) else { return };
        let before = group.clone();
        edit(group);
        by.clone_into(&mut group.updated_by);
        group.updated_at = now;
        let only_in = |one: &UserGroup, other: &UserGroup| -> Vec<String> {
            one.members.iter().filter(|user| !other.members.contains(user)).cloned().collect()
        };
        let (added, removed) = (only_in(group, &before), only_in(&before, group));
        if !added.is_empty() || !removed.is_empty() {
            // Counts are numbers in some of Slack's events and strings in others.
            self.group_events.push(json!({
                "type": "subteam_members_changed", "subteam_id": id, "team_id": Slack::TEAM_ID,
                "date_previous_update": before.updated_at.as_secs(), "date_update": now.as_secs(),
                "added_users": added, "added_users_count": added.len().to_string(),
                "removed_users": removed, "removed_users_count": removed.len().to_string(),
            }));
        }
        self.group_events.push(json!({"type": "subteam_updated", "subteam": group.to_json(true, true)}));
    }
}

impl Slack {
    /// A person makes these the group's members, in Slack's own dialog.
    pub fn edit_group_by(&self, user: &str, group: &str, members: &[&str]) {
        let members = members.iter().map(ToString::to_string).collect();
        self.change_group_by(user, group, |g| g.members = members);
    }

    /// A person changes anything about a group: its handle, its members, whether it is disabled.
    pub fn change_group_by(&self, user: &str, group: &str, edit: impl FnOnce(&mut UserGroup)) {
        let now = self.shared.clock.now();
        self.shared.world().change_group(group, user, now, edit);
    }

    /// The events about user groups that wait to be delivered, oldest first, signed now; taken away.
    pub fn take_group_events(&self) -> Vec<Signed> {
        let waiting: Vec<Value> = std::mem::take(&mut self.shared.world().group_events);
        waiting.into_iter().map(|inner| self.event(inner)).collect()
    }

    /// Sends them to the app, and answers how many it took. Those that it did not take are lost, as they are at
    /// Slack after its retries.
    pub async fn deliver_group_events(&self, base: &str) -> anyhow::Result<usize> {
        let mut taken = 0;
        for event in self.take_group_events() {
            taken += usize::from(self.deliver(base, &event).await?.0 == 200);
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Slack;
    use super::super::testing::room;

    fn inner(signed: &[super::Signed]) -> Vec<Value> {
        let event = |s: &super::Signed| -> Value {
            let mut envelope: Value = serde_json::from_slice(&s.body).expect("JSON");
            envelope["event"].take()
        };
        signed.iter().map(event).collect()
    }

    #[tokio::test]
    async fn everybodys_edits_are_told_and_say_whose_they_are() {
        let room = room().await;
        room.slack.add_usergroup("S1", "oncall", &["U1", "U3"]);
        room.later(60);
        room.slack.edit_group_by("U2", "S1", &["U1", "U2"]);
        let told = inner(&room.slack.take_group_events());
        assert_eq!(told[0]["type"], "subteam_members_changed");
        assert_eq!((&told[0]["added_users"], &told[0]["removed_users"]), (&json!(["U2"]), &json!(["U3"])));
        assert_eq!(
            told[0]["date_update"].as_i64().map(|at| at - 60),
            told[0]["date_previous_update"].as_i64()
        );
        assert_eq!(
            (&told[1]["type"], &told[1]["subteam"]["updated_by"]),
            (&json!("subteam_updated"), &json!("U2"))
        );
        assert!(room.slack.take_group_events().is_empty());

        room.ok("usergroups.users.update", json!({"usergroup": "S1", "users": "U1,U2"})).await;
        let told = inner(&room.slack.take_group_events());
        assert_eq!(told.len(), 1, "nobody came or went");
        assert_eq!(told[0]["subteam"]["updated_by"], Slack::BOT_USER);
        room.slack.change_group_by("U2", "S1", |g| g.handle = "on-duty".into());
        room.ok("usergroups.disable", json!({"usergroup": "S1"})).await;
        room.ok("usergroups.create", json!({"name": "New"})).await;
        let told = inner(&room.slack.take_group_events());
        assert_eq!(told[0]["subteam"]["handle"], "on-duty");
        assert_ne!(told[1]["subteam"]["date_delete"], 0);
        assert_eq!(
            (&told[2]["type"], &told[2]["subteam"]["handle"]),
            (&json!("subteam_created"), &json!("new"))
        );
    }
}
