//! What people do in PagerDuty, and what time does there. As with the real buttons, an act that no longer applies
//! (resolving what is resolved) does nothing. An act on something that the account does not have is a mistake in
//! the scene and panics with its name.

use super::PagerDuty;
use super::answer::Refusal;
use super::state::{Account, Responder};
use super::verbs::NewIncident;

impl PagerDuty {
    /// An incident of PagerDuty's own, from an alert without a key. Returns its id.
    pub fn trigger(&self, service: &str, title: &str, urgency: &str) -> String {
        let mut account = self.account();
        let new = NewIncident {
            service: service.into(),
            title: title.into(),
            urgency: urgency.into(),
            ..NewIncident::default()
        };
        match account.create(new) {
            Ok(n) => account.incidents[n].id.clone(),
            Err(refusal) => panic!("cannot trigger {title:?} on {service}: {}", refusal.word()),
        }
    }

    pub fn acknowledge(&self, id: &str, user: &str) {
        self.on(id, |a, n| a.acknowledge(n, Some(user)));
    }

    /// The acknowledgement times out.
    pub fn unacknowledge(&self, id: &str) {
        self.on(id, |a, n| a.unacknowledge(n, None));
    }

    /// Nobody answered in time: to the next level, by nobody's hand.
    pub fn escalate(&self, id: &str) {
        self.on(id, |a, n| a.escalate(n, None, None));
    }

    pub fn escalate_by(&self, id: &str, user: &str) {
        self.on(id, |a, n| a.escalate(n, Some(user), None));
    }

    pub fn reassign(&self, id: &str, by: &str, to: &[&str]) {
        let to: Vec<String> = to.iter().map(|&user| user.to_owned()).collect();
        self.on(id, |a, n| a.reassign(n, Some(by), &to));
    }

    /// To another escalation policy.
    pub fn delegate(&self, id: &str, by: &str, policy: &str) {
        self.on(id, |a, n| a.delegate(n, Some(by), policy));
    }

    /// By a person, or by PagerDuty itself (a timeout, or the alert cleared).
    pub fn resolve(&self, id: &str, by: Option<&str>) {
        self.on(id, |a, n| a.resolve(n, by, None));
    }

    /// By a person, with words.
    pub fn resolve_with_note(&self, id: &str, by: &str, note: &str) {
        self.on(id, |a, n| a.resolve(n, Some(by), Some(note)));
    }

    pub fn reopen(&self, id: &str, by: &str) {
        self.on(id, |a, n| match a.incidents[n].resolved_at {
            Some(_) => a.reopen(n, Some(by), None),
            None => Ok(()),
        });
    }

    pub fn merge(&self, source: &str, into: &str, by: &str) {
        self.on(source, |a, n| {
            let into = a.find(into).unwrap_or_else(|| panic!("no PagerDuty incident {into}"));
            a.merge(n, into, by)
        });
    }

    /// By name (`P1`) or id; None takes it away.
    pub fn set_priority(&self, id: &str, by: &str, priority: Option<&str>) {
        self.on(id, |a, n| {
            let priority = priority.map(|p| a.priority(p).map(|p| p.name.clone()).ok_or(Refusal::code(1020)));
            a.set_priority(n, by, priority.transpose()?);
            Ok(())
        });
    }

    pub fn annotate(&self, id: &str, by: &str, text: &str) {
        self.on(id, |a, n| {
            a.annotate(n, by, text);
            Ok(())
        });
    }

    pub fn add_responder(&self, id: &str, by: &str, user: &str, message: &str) {
        let responder = Responder {
            user: user.into(),
            escalation_policy: None,
            message: message.into(),
            state: "pending",
            requester: by.into(),
        };
        self.on(id, |a, n| {
            a.add_responder(n, responder);
            Ok(())
        });
    }

    pub fn responder_replies(&self, id: &str, user: &str, accepted: bool) {
        self.on(id, |a, n| {
            a.responder_replies(n, user, accepted);
            Ok(())
        });
    }

    pub fn publish_status_update(&self, id: &str, by: &str, text: &str) {
        self.on(id, |a, n| {
            a.publish_status_update(n, by, text);
            Ok(())
        });
    }

    /// Somebody edits the service; the webhook does not say what.
    pub fn touch_service(&self, id: &str) {
        self.account().announce_service(id);
    }

    /// The subscription's test button.
    pub fn ping(&self) {
        let mut account = self.account();
        account.announce_ping(Self::FROM_ID);
    }

    fn on(&self, id: &str, act: impl FnOnce(&mut Account, usize) -> Result<(), Refusal>) {
        let mut account = self.account();
        let n = account.find(id).unwrap_or_else(|| panic!("no PagerDuty incident {id}"));
        match act(&mut account, n) {
            Err(Refusal { code: 1001 | 1002 | 1006 | 1012 | 1019, .. }) | Ok(()) => {}
            Err(refusal) => panic!("PagerDuty incident {id}: {}", refusal.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::sim::pagerduty::probe::Probe;

    #[tokio::test]
    async fn a_day_in_the_life_reads_like_a_story() {
        let probe = Probe::start().await;
        let pd = &probe.pagerduty;
        let minute = || probe.clock.advance(Duration::from_mins(1));
        let id = pd.trigger("PSVC001", "payments-down", "high");
        minute();
        pd.acknowledge(&id, "PANA001");
        pd.acknowledge(&id, "PBEN001"); // too late: nothing happens
        pd.set_priority(&id, "PANA001", Some("P1"));
        minute();
        pd.unacknowledge(&id);
        pd.escalate(&id);
        pd.escalate(&id); // there is no third level
        minute();
        pd.annotate(&id, "PBEN001", "Rolled back {}");
        pd.reassign(&id, "PBEN001", &["PANA001", "PBEN001"]);
        pd.add_responder(&id, "PANA001", "PBEN001", "Please join");
        pd.responder_replies(&id, "PBEN001", false);
        pd.delegate(&id, "PBEN001", "PEP0001");
        pd.escalate_by(&id, "PANA001");
        minute();
        pd.publish_status_update(&id, "PANA001", "All is well");
        pd.resolve(&id, Some("PBEN001"));
        pd.resolve(&id, None);
        pd.reopen(&id, "PANA001");
        pd.resolve(&id, None);
        insta::assert_snapshot!(pd.narrate(), @"
        10:00 PagerDuty triggered #1 payments-down
        10:00 PagerDuty notified Ana Example of #1 payments-down
        10:01 Ana Example acknowledged #1 payments-down
        10:01 Ana Example set the priority of #1 payments-down to P1
        10:02 PagerDuty unacknowledged #1 payments-down
        10:02 PagerDuty notified Ana Example of #1 payments-down
        10:02 PagerDuty escalated #1 payments-down to Ben Example
        10:02 PagerDuty notified Ben Example of #1 payments-down
        10:02 PagerDuty found no further level for #1 payments-down
        10:03 Ben Example noted on #1 payments-down: Rolled back {}
        10:03 Ben Example reassigned #1 payments-down to Ana Example, Ben Example
        10:03 PagerDuty notified Ana Example of #1 payments-down
        10:03 PagerDuty notified Ben Example of #1 payments-down
        10:03 Ana Example asked Ben Example to help with #1 payments-down
        10:03 PagerDuty notified Ben Example of #1 payments-down
        10:03 Ben Example declined to join #1 payments-down
        10:03 Ben Example delegated #1 payments-down to Ana Example
        10:03 PagerDuty notified Ana Example of #1 payments-down
        10:03 Ana Example escalated #1 payments-down to Ben Example
        10:03 PagerDuty notified Ben Example of #1 payments-down
        10:04 Ana Example published a status update on #1 payments-down: All is well
        10:04 Ben Example resolved #1 payments-down
        10:04 Ana Example reopened #1 payments-down
        10:04 PagerDuty resolved #1 payments-down
        ");
        insta::assert_snapshot!(probe.events().join(" "), @"triggered acknowledged priority_updated unacknowledged escalated annotated reassigned responder.added responder.replied delegated escalated status_update_published resolved reopened resolved");
        let incident = pd.incident(&id).unwrap();
        assert!(incident.status == "resolved" && incident.assignees.is_empty() && incident.level == 1);
    }
}
