//! What a visitor finds beside the incident: a user group that follows the rota, incident commanders, a public page,
//! monitors, a runbook.

use crate::sim::scene::World;

/// Puts it into the world; the configuration that leads Firebell to it.
pub(super) fn furnish(world: &World) -> String {
    world.slack.add_usergroup("S0PAYMENTS", "payments-oncall", &["U0BEN"]);
    let ours = r#"
[oncall]
channel = "incidents"
[[group]]
handle = "@payments-oncall"
escalation_policies = [{ id = "PEP0001", level = 1 }]
[[commander]]
title = "Incident Commander"
emoji = ":firefighter:"
people = ["U0DEE"]
[[commander]]
title = "Backup Incident Commander"
people = ["U0EVE"]
[[runbook]]
title = "Payments are down"
service = "payments"
alerts = ["payments-down"]
url = "https://runbooks.example.com/payments"
summary = "Look at the queue first; if it grows, fail over to the second region."
"#;
    [ours, &world.statuspage_toml(), &world.checks_toml()].concat()
}
