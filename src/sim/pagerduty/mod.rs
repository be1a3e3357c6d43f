//! A simulated PagerDuty account: its REST API and Events API v2 on one local port, strict and stateful, with
//! people who acknowledge and time that escalates, and the signed webhooks that follow from each change. It keeps
//! PagerDuty's rules where they are known and is on the strict side where they are not.
//!
//! ```no_run
//! # use firebell::{clock::Clock, sim::{desk::Desk, pagerduty::PagerDuty}};
//! # async fn scene() -> anyhow::Result<()> {
//! let clock = Clock::system();
//! let pagerduty = PagerDuty::start(clock.clone(), Desk::new(clock)).await?;
//! pagerduty.add_user("PANA001", "Ana Example", "ana@example.com", Some("+1 555 010 0001"));
//! pagerduty.add_escalation_policy("PEP0001", "Payments", &[&["PANA001"]]);
//! pagerduty.add_service("PSVC001", "payments-api", "PEP0001", None);
//! let incident = pagerduty.trigger("PSVC001", "payments-down", "high");
//! pagerduty.acknowledge(&incident, "PANA001");
//! pagerduty.deliver("http://127.0.0.1:8080").await?;
//! # Ok(()) }
//! ```

mod acts;
mod answer;
mod around;
mod change;
mod directory;
mod directory_json;
mod events_v2;
mod hints;
mod incidents;
mod oncalls;
mod outbox;
#[cfg(test)]
mod probe;
mod render;
mod rota;
mod rota_edits;
mod rota_v3;
mod schedule;
#[cfg(test)]
mod schedule_tests;
mod schedules;
mod schedules_json;
#[cfg(test)]
mod schedules_tests;
mod schedules_v3;
mod server;
mod state;
mod verbs;
mod webhooks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;

use crate::clock::Clock;
use crate::sim::desk::Desk;
use crate::sim::served::Served;

pub use outbox::Webhook;
pub use rota::{Layer, Restriction};
pub use rota_v3::{Rotation, ShiftEvent};
pub use state::{Incident, LogEntry, Note, Page, Responder, Status};

use server::Door;
use state::{Account, Policy, Service, User};

/// Id of the account's one webhook subscription.
const SUBSCRIPTION: &str = "PWHSUB1";

/// The account. Cheap to clone; it stops listening when the last clone is dropped.
#[derive(Clone)]
pub struct PagerDuty(Arc<Shared>);

struct Shared {
    account: Arc<Mutex<Account>>,
    served: Served,
    sender: reqwest::Client,
}

impl PagerDuty {
    /// The REST API key that works.
    pub const TOKEN: &'static str = "sim-pagerduty-token";
    /// What webhooks are signed with.
    pub const WEBHOOK_SECRET: &'static str = "sim-pagerduty-webhook-secret";
    /// The one user that every account has: the service itself, who is on no policy.
    pub const FROM_EMAIL: &'static str = "firebell@example.com";
    /// Id of that user.
    pub const FROM_ID: &'static str = "PFIREBELL";

    /// Listens on a free port of 127.0.0.1 until the last clone is dropped.
    pub async fn start(clock: Clock, desk: Desk) -> std::io::Result<Self> {
        let account = Arc::new(Mutex::new(Account::new(clock)));
        let door = Door { account: account.clone(), desk };
        let app = Router::new().fallback(server::answer).with_state(door);
        let served = Served::start(app).await?;
        // Webhooks go to plain-HTTP addresses; the provider is needed for the client to be built at all.
        rustls::crypto::ring::default_provider().install_default().ok();
        let sender = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([])
            .build()
            .map_err(std::io::Error::other)?;
        let pagerduty = Self(Arc::new(Shared { account, served, sender }));
        pagerduty.add_user(Self::FROM_ID, "Firebell", Self::FROM_EMAIL, None);
        Ok(pagerduty)
    }

    /// Base of the REST API, without a slash at the end.
    pub fn api_url(&self) -> String {
        self.0.served.url()
    }

    /// Base of the Events API, without a slash at the end.
    pub fn events_url(&self) -> String {
        self.api_url()
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.0.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sender(&self) -> &reqwest::Client {
        &self.0.sender
    }
}

/// The scene.
impl PagerDuty {
    /// A second call with the same id changes the person. With an e-mail contact method and, given a phone (`+44 20 7946 0001`), one for that.
    pub fn add_user(&self, id: &str, name: &str, email: &str, phone: Option<&str>) {
        let user = User {
            id: id.into(),
            name: name.into(),
            email: email.into(),
            phone: phone.map(Into::into),
            contacts: Vec::new(),
        };
        self.account().users.insert(id.into(), user);
    }

    /// Another e-mail address of theirs, beside the login.
    pub fn add_contact(&self, user: &str, address: &str) {
        if let Some(user) = self.account().users.get_mut(user) {
            user.contacts.push(address.into());
        }
    }

    /// Each level lists ids of users and schedules. A second call with the same id replaces the policy.
    pub fn add_escalation_policy(&self, id: &str, name: &str, levels: &[&[&str]]) {
        let levels = levels.iter().map(|level| level.iter().map(|&t| t.to_owned()).collect()).collect();
        let mut account = self.account();
        account.policies.retain(|policy| policy.id != id);
        account.policies.push(Policy { id: id.into(), name: name.into(), levels });
    }

    /// The routing key (32 characters) is the service's Events API integration.
    pub fn add_service(&self, id: &str, name: &str, escalation_policy: &str, routing_key: Option<&str>) {
        let service = Service {
            id: id.into(),
            name: name.into(),
            policy: escalation_policy.into(),
            routing_key: routing_key.map(Into::into),
        };
        self.account().services.push(service);
    }

    /// Instead of all abilities it had; it starts with `teams`, `urgencies`, `coordinated_responding`.
    pub fn set_abilities(&self, abilities: &[&str]) {
        self.account().abilities = abilities.iter().map(|&a| a.to_owned()).collect();
    }

    /// `GET /priorities` answers 402 from now on.
    pub fn disable_priorities(&self) {
        self.account().priorities = None;
    }

    /// Makes an incident what no call could: a scene may hold two open ones under one key. No webhook tells of it.
    pub fn edit_incident(&self, id: &str, edit: impl FnOnce(&mut Incident)) {
        let mut account = self.account();
        let n = account.find(id).unwrap_or_else(|| panic!("no PagerDuty incident {id}"));
        edit(&mut account.incidents[n]);
    }

    /// Every REST call answers 401 from now on.
    pub fn revoke_token(&self) {
        self.account().token_valid = false;
    }
}

/// Looking.
impl PagerDuty {
    /// Oldest first.
    pub fn incidents(&self) -> Vec<Incident> {
        self.account().incidents.clone()
    }

    /// By id or by number.
    pub fn incident(&self, id: &str) -> Option<Incident> {
        let account = self.account();
        account.find(id).map(|n| account.incidents[n].clone())
    }

    /// All that ever had this incident key, open or not.
    pub fn find_by_key(&self, key: &str) -> Vec<Incident> {
        self.incidents().into_iter().filter(|i| i.incident_key.as_deref() == Some(key)).collect()
    }

    /// Who was rung, in order.
    pub fn pages(&self) -> Vec<Page> {
        self.account().pages.clone()
    }

    /// What happened, one line each, times in UTC: `10:01 Ana Example acknowledged #1 payments-down`.
    pub fn narrate(&self) -> String {
        self.account().story.join("\n")
    }

    /// The value of `X-PagerDuty-Signature` for a body, for tests that sign their own.
    pub fn sign(secret: &str, body: &[u8]) -> String {
        webhooks::sign(secret, body)
    }
}
