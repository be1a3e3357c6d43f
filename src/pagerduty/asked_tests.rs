//! People put on an incident, and asked to help with one: against recorded answers.

use std::time::Duration;

use serde_json::json;

use super::tests::client;
use super::*;
use crate::http_client::stub::Stub;
use crate::ids::{PagerDutyIncidentId, PagerDutyUserId};

#[tokio::test]
async fn people_are_put_on_an_incident_and_who_was_asked_is_read() {
    let stub = Stub::start().await;
    let user = |id: &str| json!({"id": id, "type": "user_reference", "summary": id});
    let body = json!({"incident": {
        "id": "Q1", "incident_number": 1, "status": "triggered", "created_at": "2026-11-21T10:00:00Z",
        "incidents_responders": [{"state": "joined", "user": user("PBEN")}, {"state": "pending", "user": null}],
        "responder_requests": [{"message": "come [mark]"}, {"message": null}],
    }});
    for _ in 0..3 {
        stub.on("/incidents/Q1", 200, body.to_string());
    }
    stub.on("/incidents", 201, body.to_string());
    let client = client(&stub);
    let id = PagerDutyIncidentId::new("Q1");
    let people = ["PANA", "PBEN"].map(PagerDutyUserId::new);
    let change = Change { assignee_ids: &people, ..Change::default() };
    client.update_incident(&id, &change).await.expect("changed");
    let put = |id: &str| json!({"assignee": {"id": id, "type": "user_reference"}});
    assert_eq!(stub.last().json()["incident"]["assignments"], json!([put("PANA"), put("PBEN")]));
    client.update_incident(&id, &Change::default()).await.expect("changed");
    assert_eq!(stub.last().json()["incident"].get("assignments"), None);

    let read = client.incident(&id).await.expect("read").expect("there");
    let joined = Responder { user_id: PagerDutyUserId::new("PBEN"), state: "joined".into() };
    assert_eq!((read.responders, read.request_messages), (vec![joined], vec!["come [mark]".to_owned()]));

    let new = NewIncident {
        title: "come",
        service_id: "PSVC",
        escalation_policy_id: None,
        assignee_id: Some(&people[0]),
        priority_id: None,
        urgency: Urgency::High,
        incident_key: "key",
        details: "",
        conference_url: None,
    };
    client.create_incident(&new).await.expect("made");
    assert_eq!(stub.last().json()["incident"]["assignments"], json!([put("PANA")]));
}

#[tokio::test]
async fn a_policy_says_how_long_it_waits() {
    let stub = Stub::start().await;
    let rule = |minutes: i64| json!({"escalation_policy": {"escalation_rules": [{"escalation_delay_in_minutes": minutes}]}});
    stub.on("/escalation_policies/PEP", 200, rule(30).to_string());
    stub.on("/escalation_policies/PEP", 200, rule(0).to_string());
    stub.on("/escalation_policies/PEP", 404, "{}");
    let client = client(&stub);
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.push(client.escalation_delay("PEP").await.expect("read"));
    }
    assert_eq!(heard, [Some(Duration::from_secs(1_800)), None, None]);
}
