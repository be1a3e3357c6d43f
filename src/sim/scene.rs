//! A world: one simulated Slack workspace, one simulated PagerDuty account, the people in both, the pages that the
//! public reads, and monitors.

use std::io;

use super::cachet::Cachet;
use super::desk::Desk;
use super::monitors::Monitors;
use super::pagerduty::PagerDuty;
use super::slack::Slack;
use super::statuspage::Statuspage;
use crate::clock::Clock;

/// The vendors with their shared desk and clock.
#[derive(Clone)]
pub struct World {
    pub slack: Slack,
    pub pagerduty: PagerDuty,
    pub monitors: Monitors,
    pub statuspage: Statuspage,
    pub cachet: Cachet,
    pub desk: Desk,
    pub clock: Clock,
}

/// (Slack id, handle, name, PagerDuty id, phone)
pub const CAST: &[(&str, &str, &str, &str, &str)] = &[
    ("U0ANA", "ana", "Ana Example", "PANA001", "+49 1515550101"),
    ("U0BEN", "ben", "Ben Example", "PBEN001", "+49 1515550102"),
    ("U0CHO", "cho", "Cho Example", "PCHO001", "+49 1515550103"),
    ("U0DEE", "dee", "Dee Example", "PDEE001", "+49 1515550104"),
    ("U0EVE", "eve", "Eve Example", "PEVE001", "+49 1515550105"),
];

/// The service that the examples break.
pub const SERVICE: &str = "PSVC001";
/// Its Events v2 key.
pub const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";

impl World {
    /// Empty vendors.
    pub async fn start_empty(clock: Clock) -> io::Result<Self> {
        let desk = Desk::new(clock.clone());
        let slack = Slack::start(clock.clone(), desk.clone()).await?;
        let pagerduty = PagerDuty::start(clock.clone(), desk.clone()).await?;
        let monitors = Monitors::start(clock.clone(), desk.clone()).await?;
        let statuspage = Statuspage::start(clock.clone(), desk.clone()).await?;
        let cachet = Cachet::start(clock.clone(), desk.clone()).await?;
        Ok(Self { slack, pagerduty, monitors, statuspage, cachet, desk, clock })
    }

    /// A small company: five people, payments with two escalation levels (Ana, then Ben), search with one (Cho), a
    /// user group of leads (Dee), and a channel for announcements.
    pub async fn start(clock: Clock) -> io::Result<Self> {
        let world = Self::start_empty(clock).await?;
        for (slack, handle, name, pagerduty, phone) in CAST {
            let email = format!("{handle}@example.com");
            world.slack.add_user(slack, handle, name, &email);
            world.pagerduty.add_user(pagerduty, name, &email, Some(phone));
        }
        world.slack.add_usergroup("S0LEADS", "sre-leads", &["U0DEE"]);
        world.slack.add_channel("incidents", false, "U0DEE", &["U0DEE", "U0ANA", Slack::BOT_USER]);
        world.slack.add_channel("general", false, "U0DEE", &["U0ANA", "U0BEN", "U0CHO", "U0DEE", "U0EVE"]);
        world.pagerduty.add_escalation_policy("PEP0001", "Payments", &[&["PANA001"], &["PBEN001"]]);
        world.pagerduty.add_escalation_policy("PEP0002", "Search", &[&["PCHO001"]]);
        world.pagerduty.add_service(SERVICE, "payments-api", "PEP0001", Some(ROUTING_KEY));
        world.pagerduty.add_service("PSVC002", "search", "PEP0002", None);
        world.monitors.set_series("success_rate", &[("job=api", "0.9997")]);
        world.statuspage.add_component("cmpapi", "Public API");
        world.statuspage.add_component("cmpcheckout", "Checkout");
        world.statuspage.add_group("grpeurope", "Europe");
        world.statuspage.add_member("grpeurope", "cmpeusearch", "Search");
        world.statuspage.add_group("grpamerica", "America");
        world.statuspage.add_member("grpamerica", "cmpussearch", "Search");
        for name in ["Public API", "Checkout", "Search"] {
            world.cachet.add_component(name);
        }
        Ok(world)
    }

    /// More configuration: the public page at Statuspage.
    pub fn statuspage_toml(&self) -> String {
        format!(
            "[statuspage]\napi_url = \"{}\"\npage_id = \"{}\"\napi_key = \"{}\"\n",
            self.statuspage.api_url(),
            Statuspage::PAGE_ID,
            Statuspage::API_KEY,
        )
    }

    /// More configuration: the public page on a Cachet site.
    pub fn cachet_toml(&self) -> String {
        format!(
            "[statuspage]\nkind = \"cachet\"\napi_url = \"{}\"\napi_key = \"{}\"\n",
            self.cachet.api_url(),
            Cachet::TOKEN,
        )
    }

    /// Firebell's configuration for this world, as TOML.
    pub fn firebell_toml(&self, database_url: &str, listen: &str) -> String {
        format!(
            r#"
[server]
listen = "{listen}"
admin_listen = "127.0.0.1:0"
[database]
url = "{database_url}"
[slack]
api_url = "{slack_api}"
bot_token = "{bot_token}"
signing_secrets = ["{signing_secret}"]
response_hosts = ["{slack_host}"]
[pagerduty]
api_url = "{pagerduty_api}"
events_url = "{pagerduty_events}"
token = "{pagerduty_token}"
from_email = "{from_email}"
webhook_secrets = ["{webhook_secret}"]
[[severity]]
name = "sev1"
invite = ["@sre-leads"]
[[service]]
name = "payments"
pagerduty_service = "{SERVICE}"
routing_key = "{ROUTING_KEY}"
default = true
[[service]]
name = "search"
pagerduty_service = "PSVC002"
"#,
            slack_api = self.slack.api_url(),
            bot_token = Slack::BOT_TOKEN,
            signing_secret = Slack::SIGNING_SECRET,
            slack_host = self.slack.host(),
            pagerduty_api = self.pagerduty.api_url(),
            pagerduty_events = self.pagerduty.events_url(),
            pagerduty_token = PagerDuty::TOKEN,
            from_email = PagerDuty::FROM_EMAIL,
            webhook_secret = PagerDuty::WEBHOOK_SECRET,
        )
    }

    /// The part of the configuration that asks the world's monitors, one of each kind.
    pub fn checks_toml(&self) -> String {
        format!(
            r#"
[[check]]
name = "payments alerts"
kind = "alertmanager"
url = "{alertmanager}"
bearer_token = "{bearer_token}"
filter = ['service="payments"']
[[check]]
name = "API success rate"
kind = "prometheus"
url = "{prometheus}"
basic_auth = "{basic_auth}"
query = "success_rate"
degraded_below = 0.999
partial_below = 0.99
major_below = 0.9
[[check]]
name = "Example CDN"
kind = "statuspage"
url = "{page}"
[[check]]
name = "checkout"
kind = "http_json"
url = "{health}"
pointer = "/status"
normal = ["ok"]
degraded = ["slow"]
major = ["down"]
"#,
            alertmanager = self.monitors.url("alertmanager"),
            bearer_token = Monitors::BEARER_TOKEN,
            prometheus = self.monitors.url("prometheus"),
            basic_auth = Monitors::BASIC_AUTH,
            page = self.monitors.url("page"),
            health = self.monitors.url("health"),
        )
    }
}
