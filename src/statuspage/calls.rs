//! The calls of both vendors, as data. Neither has scopes of the kind that Slack has: a key may change the page, or not.

use crate::http_client::calls;

calls! {
    GET_PAGE = "GET /pages/{page}", Idempotent, [], "60/min";
    LIST_COMPONENTS = "GET /pages/{page}/components", Idempotent, [], "60/min";
    SET_COMPONENT = "PATCH /pages/{page}/components/{id}", Idempotent, [], "60/min";
    LIST_UNRESOLVED = "GET /pages/{page}/incidents/unresolved", Idempotent, [], "60/min";
    LIST_INCIDENTS = "GET /pages/{page}/incidents", Idempotent, [], "60/min";
    GET_INCIDENT = "GET /pages/{page}/incidents/{id}", Idempotent, [], "60/min";
    CREATE_INCIDENT = "POST /pages/{page}/incidents", ReadBack, [], "60/min";
    UPDATE_INCIDENT = "PATCH /pages/{page}/incidents/{id}", ReadBack, [], "60/min";
    CACHET_STATUS = "GET /api/status", Idempotent, [], "300/min";
    CACHET_COMPONENTS = "GET /api/components", Idempotent, [], "300/min";
    CACHET_SET_COMPONENT = "PUT /api/components/{id}", Idempotent, [], "300/min";
    CACHET_INCIDENTS = "GET /api/incidents", Idempotent, [], "300/min";
    CACHET_UPDATES = "GET /api/incidents/{id}/updates", Idempotent, [], "300/min";
    CACHET_CREATE = "POST /api/incidents", ReadBack, [], "300/min";
    CACHET_UPDATE = "POST /api/incidents/{id}/updates", ReadBack, [], "300/min";
}
