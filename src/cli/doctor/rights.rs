//! Whom the configuration names: does each of `[rights]` and each `invite` mean somebody?

use super::Findings;
use crate::config::{Config, Who};
use crate::error::Upstream;
use crate::ids::SlackUserId;
use crate::oncall::{Directory, Group, Member};
use crate::slack;

pub(super) async fn check(slack: &slack::Client, config: &Config, found: &mut Findings) {
    let rights = &config.rights;
    let all = [
        ("rights.use", &rights.uses),
        ("rights.declare", &rights.declare),
        ("rights.page", &rights.page),
        ("rights.statuspage", &rights.statuspage),
        ("rights.admin", &rights.admin),
    ];
    let narrowed = |whom: &[Who]| !whom.is_empty() && !whom.contains(&Who::Everyone);
    let rights: Vec<_> = all.into_iter().filter(|(_, whom)| narrowed(whom)).collect();
    let of_severities = config.severities.iter().map(|s| (format!("severity {}", s.name), &s.invite));
    let of_services = config.services.iter().map(|s| (format!("service {}", s.name), &s.invite));
    let invites: Vec<_> = of_severities.chain(of_services).filter(|(_, whom)| !whom.is_empty()).collect();
    let whom = rights.iter().map(|(_, whom)| *whom).chain(invites.iter().map(|(_, whom)| *whom));
    let people = match read(slack, &whom.flatten().collect::<Vec<_>>()).await {
        Ok(people) => people,
        Err(refused) => return found.refused("rights and invite", &refused),
    };
    let troubles = |whom: &[Who]| whom.iter().filter_map(|who| trouble(&people, who)).collect::<Vec<_>>();
    let names = |whom: &[Who]| whom.iter().map(Who::to_string).collect::<Vec<_>>().join(", ");
    for (what, whom) in rights {
        let troubles = troubles(whom);
        let said = troubles.join("; ");
        if troubles.len() == whom.len() {
            found.wrong(what, format!("is nobody's: {said}; name people or a user group that Slack has"));
        } else if troubles.is_empty() {
            found.right(what, names(whom));
        } else {
            found.odd(what, format!("{said}; remove that, or name another"));
        }
    }
    for (what, whom) in invites {
        match troubles(whom).as_slice() {
            [] => found.right(what, format!("invites {}", names(whom))),
            troubles => {
                found.wrong(what, format!("invite: {}; mend it in the configuration", troubles.join("; ")));
            }
        }
    }
}

/// Why these words mean nobody.
fn trouble(people: &Directory, who: &Who) -> Option<String> {
    match who {
        Who::Everyone => None,
        Who::Group(handle) => match people.group(handle) {
            None => Some(format!("Slack has no user group @{handle}")),
            Some(group) if group.is_disabled => Some(format!("@{handle} is disabled")),
            Some(group) if group.members.0.is_empty() => Some(format!("@{handle} has no members")),
            Some(_) => None,
        },
        Who::User(id) => match people.member(&SlackUserId::new(id.clone())) {
            Some(member) if !member.is_deleted => None,
            _ => Some(format!("nobody in Slack has the id {id}")),
        },
        Who::Email(email) => people
            .member_by_email(email)
            .is_none()
            .then(|| format!("nobody in Slack has the address {email}")),
    }
}

async fn read(slack: &slack::Client, whom: &[&Who]) -> Result<Directory, Upstream> {
    let mut people = Directory::default();
    if whom.iter().any(|who| matches!(who, Who::Group(_))) {
        people.groups = slack.list_usergroups().await?.into_iter().map(Group::from).collect();
    }
    if whom.iter().any(|who| matches!(who, Who::User(_) | Who::Email(_))) {
        let members = slack.list_users().await?.into_iter().map(Member::from);
        people.members = members.map(|member| (member.id.clone(), member)).collect();
    }
    Ok(people)
}
