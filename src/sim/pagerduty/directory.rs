//! The REST calls that say who is who: users, services, escalation policies, priorities, abilities.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refusal, page, page_of};
use super::server::{Request, wrap};
use super::state::{Account, Policy, Service, User};

/// `query` looks in names and e-mail addresses.
pub(super) fn users(a: &mut Account, r: &Request) -> Outcome {
    let query = r.one("query").unwrap_or_default().to_lowercase();
    let contacts = r.all("include[]").contains(&"contact_methods");
    let fits = |text: &str| text.to_lowercase().contains(&query);
    let found: Vec<&User> = a.users.values().filter(|u| fits(&u.name) || fits(&u.email)).collect();
    page_of(r, "users", &found, |user| a.user_json(&user.id, contacts))
}

pub(super) fn user(a: &mut Account, r: &Request) -> Outcome {
    a.user(&r.id).ok_or(Refusal::code(2100))?;
    let contacts = r.all("include[]").contains(&"contact_methods");
    Ok(Answer::ok(wrap("user", &a.user_json(&r.id, contacts))))
}

pub(super) fn contact_methods(a: &mut Account, r: &Request) -> Outcome {
    a.user(&r.id).ok_or(Refusal::code(2100))?;
    Ok(Answer::ok(json!({"contact_methods": a.contact_methods_json(&r.id, true)})))
}

/// `query` looks for a part of the name, `name` for the whole.
pub(super) fn services(a: &mut Account, r: &Request) -> Outcome {
    let query = r.one("query").unwrap_or_default().to_lowercase();
    let fits = |s: &&Service| {
        s.name.to_lowercase().contains(&query) && r.one("name").is_none_or(|name| s.name == name)
    };
    let found: Vec<&Service> = a.services.iter().filter(fits).collect();
    page_of(r, "services", &found, |service| a.service_json(service, r))
}

pub(super) fn service(a: &mut Account, r: &Request) -> Outcome {
    let service = a.service(&r.id).ok_or(Refusal::code(2100))?;
    Ok(Answer::ok(wrap("service", &a.service_json(service, r))))
}

pub(super) fn policies(a: &mut Account, r: &Request) -> Outcome {
    let query = r.one("query").unwrap_or_default().to_lowercase();
    let found: Vec<&Policy> = a.policies.iter().filter(|p| p.name.to_lowercase().contains(&query)).collect();
    page_of(r, "escalation_policies", &found, |policy| a.policy_json(policy))
}

pub(super) fn policy(a: &mut Account, r: &Request) -> Outcome {
    let policy = a.policy(&r.id).ok_or(Refusal::code(2100))?;
    Ok(Answer::ok(wrap("escalation_policy", &a.policy_json(policy))))
}

/// Most severe first; 402 when the plan has none.
pub(super) fn priorities(a: &mut Account, r: &Request) -> Outcome {
    let priorities = a.priorities.as_ref().ok_or(Refusal::code(2014))?;
    let rows: Vec<Value> = priorities.iter().map(|p| a.priority_json(p)).collect();
    page(r, "priorities", &rows)
}

#[expect(clippy::unnecessary_wraps, reason = "endpoints have one signature")]
pub(super) fn abilities(a: &mut Account, _: &Request) -> Outcome {
    Ok(Answer::ok(json!({"abilities": a.abilities})))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sim::pagerduty::probe::Probe;

    #[tokio::test]
    async fn people_are_found_with_their_contacts() {
        let probe = Probe::start().await;
        let (_, body) = probe.get("/users?query=ANA&include[]=contact_methods").await;
        let user = &body["users"][0];
        assert_eq!(body["users"].as_array().unwrap().len(), 1);
        assert_eq!(user["contact_methods"][1]["country_code"], 44);
        assert_eq!(user["contact_methods"][1]["address"], "2079460001");
        assert_eq!(probe.get("/users/PANA001").await.1["user"]["name"], "Ana Example");
        assert_eq!(probe.get("/users/PNOSUCH").await.0, 404);
        let (_, body) = probe.get("/users/PBEN001/contact_methods").await;
        assert_eq!(body["contact_methods"][0]["address"], "ben@example.com");
    }

    #[tokio::test]
    async fn services_policies_and_schedules_name_each_other() {
        let probe = Probe::start().await;
        let (_, body) = probe.get("/services?query=pay&include[]=escalation_policies").await;
        let policy = &body["services"][0]["escalation_policy"];
        assert_eq!(policy["escalation_rules"][0]["targets"][0]["type"], "schedule_reference");
        assert_eq!(probe.get("/services/PSVC001").await.1["service"]["status"], "active");
        let (_, body) = probe.get("/escalation_policies/PEP0001").await;
        assert_eq!(body["escalation_policy"]["services"][0]["summary"], "payments-api");
        assert_eq!(
            probe.get("/escalation_policies").await.1["escalation_policies"].as_array().unwrap().len(),
            2
        );
        let range = "since=2026-11-21T12:00:00Z&until=2026-11-21T12:00:01Z";
        let (_, body) = probe.get(&format!("/schedules/PSCHED1?{range}")).await;
        let entry = &body["schedule"]["final_schedule"]["rendered_schedule_entries"][0];
        assert_eq!(
            (&entry["user"]["id"], &entry["end"]),
            (&json!("PANA001"), &json!("2026-11-21T07:00:01-05:00"))
        );
        assert_eq!(body["schedule"]["escalation_policies"][0]["id"], "PEP0001");
        let on_call = probe.get(&format!("/schedules/PSCHED1/users?{range}")).await.1;
        assert_eq!(on_call["users"].as_array().unwrap().len(), 1);
        assert_eq!(probe.get("/schedules/PSCHED1/users").await.1["users"].as_array().unwrap().len(), 2);
        assert_eq!(probe.get("/schedules?query=nobody").await.1["schedules"][0]["id"], "PSCHED2");
    }

    #[tokio::test]
    async fn priorities_and_abilities_depend_on_the_plan() {
        let probe = Probe::start().await;
        let (_, body) = probe.get("/priorities").await;
        assert_eq!(
            (&body["priorities"][0]["name"], &body["priorities"][0]["type"]),
            (&json!("P1"), &json!("priority"))
        );
        probe.pagerduty.disable_priorities();
        let (status, body) = probe.get("/priorities").await;
        assert_eq!((status, &body["error"]["code"]), (402, &json!(2014)));
        probe.pagerduty.set_abilities(&["teams"]);
        assert_eq!(probe.get("/abilities").await.1, json!({"abilities": ["teams"]}));
    }
}
