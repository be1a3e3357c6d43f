//! Whom the configuration names for a group though nobody can be found for it: a sentence each, with what to do. Pure.
//! The group's other members go on without them.

use super::plan::unfit;
use crate::config::{Group as Spec, Who, nearest};
use crate::oncall::Directory;
use crate::oncall::model::Member;

/// `was_asked` says whether Slack would have told of somebody who is not in the directory.
pub fn strays(
    people: &Directory,
    team_id: &str,
    spec: &Spec,
    was_asked: impl Fn(&Who) -> bool,
) -> Vec<String> {
    let mut found = Vec::new();
    for (key, whom) in [("always", &spec.always), ("never", &spec.never), ("fallback", &spec.fallback)] {
        for who in whom {
            let member = match who {
                Who::Everyone => continue,
                Who::Group(handle) if people.group(handle).is_some() => continue,
                Who::Group(handle) => {
                    found.push(format!("{key} names {who}, {}", no_group(people, handle)));
                    continue;
                }
                Who::User(id) => people.members.values().find(|m| m.id.as_str() == id),
                Who::Email(email) => people.member_by_email(email),
            };
            match member {
                // Who cannot be in a group is not in it: that is what `never` asks for.
                Some(_) if key == "never" => {}
                Some(member) => found.extend(cannot_be_in(key, who, member, team_id)),
                None if was_asked(who) => found.push(format!("{key} names {who}, {}", nobody(people, who))),
                None => {}
            }
        }
    }
    found
}

fn cannot_be_in(key: &str, who: &Who, member: &Member, team_id: &str) -> Option<String> {
    let why = unfit(member, team_id)?;
    Some(format!("{key} names {who}, who is {} in Slack: {why}", member.called()))
}

fn no_group(people: &Directory, handle: &str) -> String {
    if let Some(member) = people.member_by_handle(handle) {
        return format!("and that is a person, not a user group: write {} in the configuration", member.id);
    }
    let near = nearest(handle, people.groups.iter().map(|g| g.handle.as_str()));
    let hint = near.map(|near| format!(" (did you mean @{near}?)")).unwrap_or_default();
    format!("and Slack has no such user group{hint}: mend it in the configuration")
}

fn nobody(people: &Directory, who: &Who) -> String {
    let near = match who {
        Who::Email(email) => nearest(email, people.members.values().filter_map(|m| m.email.as_deref())),
        _ => None,
    };
    let hint = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
    format!("and nobody in Slack is that{hint}: mend it in the configuration")
}
