-- People paged by hand, with `/page` and `/ic page`.
CREATE TABLE page (
    id UUID PRIMARY KEY,
    kind TEXT NOT NULL,
    -- Whom, in the words of the asker.
    whom TEXT NOT NULL,
    message TEXT NOT NULL,
    -- What PagerDuty may read of it.
    title TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_by_name TEXT NOT NULL,
    channel_id TEXT,
    thread_ts TEXT,
    incident_id UUID REFERENCES incident (id),
    -- The configured service on which its PagerDuty incident opens, and that incident when there is one of its own.
    service TEXT NOT NULL,
    pagerduty_id TEXT,
    html_url TEXT,
    asked_at TIMESTAMPTZ NOT NULL,
    sent_by_events_at TIMESTAMPTZ,
    -- When people were told that it does not go out, when all was decided, when somebody answered first.
    alarmed_at TIMESTAMPTZ,
    done_at TIMESTAMPTZ,
    answered_at TIMESTAMPTZ
);
CREATE INDEX page_of ON page (pagerduty_id) WHERE pagerduty_id IS NOT NULL;

-- Each person or escalation policy of a page. The id is the key of an incident of its own, should it need one.
CREATE TABLE page_target (
    id UUID PRIMARY KEY,
    page_id UUID NOT NULL REFERENCES page (id),
    ordinal BIGINT NOT NULL,
    name TEXT NOT NULL,
    pagerduty_user_id TEXT,
    policy_id TEXT,
    state TEXT NOT NULL,
    detail TEXT,
    -- The PagerDuty incident on which they were asked.
    pagerduty_id TEXT,
    changed_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX page_target_page ON page_target (page_id, ordinal);
CREATE INDEX page_target_of ON page_target (pagerduty_id) WHERE pagerduty_id IS NOT NULL;

-- Keys under which a PagerDuty incident of ours comes back to us that opens no room: it was made to page somebody.
CREATE TABLE expected_page (
    key UUID PRIMARY KEY,
    incident_id UUID REFERENCES incident (id),
    title TEXT NOT NULL,
    expected_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX expected_page_title ON expected_page (title);
ALTER TABLE pagerduty_incident ADD COLUMN is_extra BOOLEAN NOT NULL DEFAULT FALSE;
