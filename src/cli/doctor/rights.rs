//! `[rights]`: does each right mean somebody?

use super::Findings;
use crate::config::{Config, Who};
use crate::error::Upstream;
use crate::ids::SlackUserId;
use crate::oncall::{Directory, Group, Member};
use crate::slack;

pub(super) async fn check(slack: &slack::Client, config: &Config, found: &mut Findings) {
    let rights = &config.rights;
    let all = [
        ("use", &rights.uses),
        ("declare", &rights.declare),
        ("page", &rights.page),
        ("statuspage", &rights.statuspage),
        ("admin", &rights.admin),
    ];
    let narrowed = |whom: &[Who]| !whom.is_empty() && !whom.contains(&Who::Everyone);
    let narrowed: Vec<_> = all.into_iter().filter(|(_, whom)| narrowed(whom)).collect();
    if narrowed.is_empty() {
        return;
    }
    let people = match read(slack, &narrowed).await {
        Ok(people) => people,
        Err(refused) => return found.refused("rights", &refused),
    };
    for (right, whom) in narrowed {
        let what = format!("rights.{right}");
        let troubles: Vec<String> = whom.iter().filter_map(|who| trouble(&people, who)).collect();
        let said = troubles.join("; ");
        if troubles.len() == whom.len() {
            found.wrong(what, format!("is nobody's: {said}; name people or a user group that Slack has"));
        } else if troubles.is_empty() {
            let names: Vec<String> = whom.iter().map(Who::to_string).collect();
            found.right(what, names.join(", "));
        } else {
            found.odd(what, format!("{said}; remove that, or name another"));
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

async fn read(slack: &slack::Client, rights: &[(&str, &Vec<Who>)]) -> Result<Directory, Upstream> {
    let mut people = Directory::default();
    let whom = || rights.iter().flat_map(|(_, whom)| whom.iter());
    if whom().any(|who| matches!(who, Who::Group(_))) {
        people.groups = slack.list_usergroups().await?.into_iter().map(Group::from).collect();
    }
    if whom().any(|who| matches!(who, Who::User(_) | Who::Email(_))) {
        let members = slack.list_users().await?.into_iter().map(Member::from);
        people.members = members.map(|member| (member.id.clone(), member)).collect();
    }
    Ok(people)
}
