//! The PagerDuty calls we make, as data. Scopes are those of a scoped app token; a classic API key has no scopes.

use crate::http_client::calls;

/// The tier of calls that PagerDuty limits by themselves: a 429 there says nothing about the others.
pub(super) const OWN_LIMIT: &str = "own limit";

calls! {
    CREATE_INCIDENT = "POST /incidents", Named, ["incidents.write"], "own limit";
    LIST_INCIDENTS = "GET /incidents", Idempotent, ["incidents.read"], "960/min";
    GET_INCIDENT = "GET /incidents/{id}", Idempotent, ["incidents.read"], "960/min";
    UPDATE_INCIDENT = "PUT /incidents/{id}", Idempotent, ["incidents.write"], "960/min";
    ADD_NOTE = "POST /incidents/{id}/notes", ReadBack, ["incidents.write"], "960/min";
    LIST_NOTES = "GET /incidents/{id}/notes", Idempotent, ["incidents.read"], "960/min";
    REQUEST_RESPONDERS = "POST /incidents/{id}/responder_requests", ReadBack, ["incidents.write"], "960/min";
    LIST_LOG_ENTRIES = "GET /incidents/{id}/log_entries", Idempotent, ["incidents.read"], "960/min";
    LIST_PRIORITIES = "GET /priorities", Idempotent, ["priorities.read"], "960/min";
    LIST_ONCALLS = "GET /oncalls", Idempotent, ["oncalls.read", "users.read"], "own limit";
    LIST_SCHEDULES = "GET /schedules", Idempotent, ["schedules.read"], "960/min";
    GET_SCHEDULE = "GET /schedules/{id}", Idempotent, ["schedules.read"], "960/min";
    LIST_SCHEDULES_V3 = "GET /v3/schedules", Idempotent, ["schedules.read"], "960/min";
    GET_SCHEDULE_V3 = "GET /v3/schedules/{id}", Idempotent, ["schedules.read"], "960/min";
    LIST_USERS = "GET /users", Idempotent, ["users.read", "users:contact_methods.read"], "960/min";
    GET_USER = "GET /users/{id}", Idempotent, ["users.read", "users:contact_methods.read"], "960/min";
    LIST_SERVICES = "GET /services", Idempotent, ["services.read"], "960/min";
    GET_SERVICE = "GET /services/{id}", Idempotent, ["services.read"], "960/min";
    GET_POLICY = "GET /escalation_policies/{id}", Idempotent, ["escalation_policies.read"], "960/min";
    LIST_ABILITIES = "GET /abilities", Idempotent, ["abilities.read"], "960/min";
    ENQUEUE = "POST /v2/enqueue", AtLeastOnce, [], "120/min per routing key";
}
