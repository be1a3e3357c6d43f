//! Who is who and who is on call: kept in the database, refreshed in the background, and held in memory too, so that
//! every answer works while a vendor is down, and says how old it is.

pub mod model;
pub mod steps;
mod store;

use std::sync::{Arc, PoisonError, RwLock};

use crate::config::Config;
use crate::store::Json;
use crate::{pagerduty, slack};

pub use model::{Directory, Member, OnCall, Responder, Step};

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
