//! Who is who and who is on call: kept in the database, refreshed in the background, and held in memory too, so that
//! every answer works while a vendor is down, and says how old it is.

pub mod model;
pub mod reads;
pub mod rota;
mod rows;
pub mod steps;
mod store;

use std::sync::{Arc, PoisonError, RwLock};

use crate::config::Config;
use crate::store::Json;
use crate::{pagerduty, slack};

pub use model::{Directory, Group, Member, OnCall, Ourselves, Responder};
pub use reads::{HINTED, Step, replan};
pub use rota::Schedule;
pub use rows::Rows;

/// What is known without asking anybody: the configuration and the people.
#[derive(Clone)]
pub struct Known {
    pub config: Arc<Config>,
    pub people: Arc<Directory>,
}

/// The directory in memory, replaced as a whole after each refresh.
#[derive(Clone, Default)]
pub struct DirectoryCell(Arc<RwLock<Arc<Directory>>>);

impl DirectoryCell {
    pub fn current(&self) -> Arc<Directory> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Unless a newer one is there: of two reads at the same time, the older may end last.
    pub fn replace(&self, directory: Directory) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if directory.version >= current.version {
            *current = Arc::new(directory);
        }
    }
}

impl From<slack::User> for Member {
    fn from(user: slack::User) -> Self {
        let real_name = if user.real_name.is_empty() { user.display_name } else { user.real_name };
        Self {
            id: user.id,
            name: user.name,
            real_name,
            email: user.email,
            time_zone: user.tz,
            team_id: user.team_id,
            is_bot: user.is_bot,
            is_guest: user.is_guest || user.is_stranger,
            is_deleted: user.deleted,
        }
    }
}

impl From<slack::Identity> for Ourselves {
    fn from(identity: slack::Identity) -> Self {
        Self {
            team_id: identity.team_id,
            app_id: identity.app_id,
            bot_user: identity.user_id.to_string(),
            bot_id: identity.bot_id,
            workspace_url: identity.url,
        }
    }
}

impl From<slack::UserGroup> for Group {
    fn from(group: slack::UserGroup) -> Self {
        Self {
            id: group.id,
            handle: group.handle,
            name: group.name,
            members: Json(group.users),
            is_disabled: group.disabled,
        }
    }
}

impl From<pagerduty::OnCall> for OnCall {
    fn from(row: pagerduty::OnCall) -> Self {
        Self {
            policy_id: row.policy_id,
            policy_name: row.policy_name,
            level: row.level,
            schedule_id: row.schedule_id,
            schedule_name: row.schedule_name,
            pagerduty_user_id: row.user_id,
            user_name: row.user_name,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
        }
    }
}

/// Of a shift-based one the list does not say who is in it.
impl From<pagerduty::Schedule> for Schedule {
    fn from(schedule: pagerduty::Schedule) -> Self {
        Self {
            id: schedule.id,
            name: schedule.name,
            is_shift_based: schedule.is_v3,
            is_used: schedule.policy_ids.map(|ids| !ids.is_empty()),
            people: schedule.user_ids,
        }
    }
}

impl From<pagerduty::User> for Responder {
    fn from(user: pagerduty::User) -> Self {
        use pagerduty::ContactKind::{Email, Phone, Sms};
        let usable: Vec<_> = user.contact_methods.into_iter().filter(|m| m.enabled).collect();
        let mut emails: Vec<String> = user.email.clone().into_iter().collect();
        for method in usable.iter().filter(|m| m.kind == Email) {
            if !emails.iter().any(|e| e.eq_ignore_ascii_case(&method.address)) {
                emails.push(method.address.clone());
            }
        }
        let number = |kind| usable.iter().find(|m| m.kind == kind);
        let phone = number(Phone).or_else(|| number(Sms)).map(|m| match &m.country_code {
            Some(code) => format!("+{code} {}", m.address),
            None => m.address.clone(),
        });
        Self {
            id: user.id,
            name: user.name,
            email: user.email,
            emails: Json(emails),
            phone,
            html_url: Some(user.html_url),
        }
    }
}

#[cfg(test)]
mod tests {
    use pagerduty::ContactKind::{Email, Phone, Sms};

    use super::*;

    #[test]
    fn any_usable_address_joins_a_person_and_a_phone_goes_before_a_text() {
        let method = |kind, address: &str, enabled| pagerduty::ContactMethod {
            kind,
            address: address.into(),
            country_code: Some("49".into()),
            label: String::new(),
            enabled,
        };
        let user = |methods| pagerduty::User {
            id: crate::ids::PagerDutyUserId::new("P1"),
            name: "Ana".into(),
            email: Some("login@corp.example".into()),
            time_zone: String::new(),
            html_url: String::new(),
            contact_methods: methods,
        };
        let responder = Responder::from(user(vec![
            method(Email, "LOGIN@corp.example", true),
            method(Email, "gone@example.com", false),
            method(Email, "Ana@Example.com", true),
            method(Sms, "1511", true),
            method(Phone, "1520", false),
            method(Phone, "1530", true),
        ]));
        assert_eq!(responder.emails.0, ["login@corp.example", "Ana@Example.com"]);
        assert_eq!(responder.phone.as_deref(), Some("+49 1530"));
        assert_eq!(Responder::from(user(vec![method(Sms, "1511", true)])).phone.as_deref(), Some("+49 1511"));

        let member = Member {
            id: crate::ids::SlackUserId::new("U1"),
            name: "ana".into(),
            real_name: "Ana".into(),
            email: Some("ana@example.COM".into()),
            time_zone: None,
            team_id: "T1".into(),
            is_bot: false,
            is_guest: false,
            is_deleted: false,
        };
        let (responder_id, member_id) = (responder.id.clone(), member.id.clone());
        let mut directory = Directory::default();
        directory.responders.insert(responder_id.clone(), responder);
        directory.members.insert(member_id.clone(), member);
        assert_eq!(directory.links_by_email("T1").get(&responder_id), Some(&member_id));
        assert!(directory.links_by_email("T2").is_empty(), "another workspace's people are not ours");
        directory.linked_by_hand.insert(responder_id);
        assert!(directory.links_by_email("T1").is_empty(), "a link made by hand stands");
    }

    #[test]
    fn an_older_directory_never_takes_the_place_of_a_newer_one() {
        let cell = DirectoryCell::default();
        cell.replace(Directory { version: 2, ..Directory::default() });
        cell.replace(Directory { version: 1, ..Directory::default() });
        assert_eq!(cell.current().version, 2);
    }
}
