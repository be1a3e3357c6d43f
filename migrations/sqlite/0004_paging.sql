-- People paged by hand, with `/page` and `/ic page`.
CREATE TABLE page (
    id BLOB PRIMARY KEY,
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
    incident_id BLOB REFERENCES incident (id),
    -- The configured service on which its PagerDuty incident opens, and that incident when there is one of its own.
    service TEXT NOT NULL,
    pagerduty_id TEXT,
    html_url TEXT,
    asked_at INTEGER NOT NULL,
    sent_by_events_at INTEGER,
    -- When people were told that it does not go out, when all was decided, when somebody answered first.
    alarmed_at INTEGER,
    done_at INTEGER,
    answered_at INTEGER
) STRICT;
CREATE INDEX page_of ON page (pagerduty_id) WHERE pagerduty_id IS NOT NULL;

-- Each person or escalation policy of a page. The id is the key of an incident of its own, should it need one.
CREATE TABLE page_target (
    id BLOB PRIMARY KEY,
    page_id BLOB NOT NULL REFERENCES page (id),
    ordinal INTEGER NOT NULL,
    name TEXT NOT NULL,
    pagerduty_user_id TEXT,
    policy_id TEXT,
    state TEXT NOT NULL,
    detail TEXT,
    -- The PagerDuty incident on which they were asked.
    pagerduty_id TEXT,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX page_target_page ON page_target (page_id, ordinal);
CREATE INDEX page_target_of ON page_target (pagerduty_id) WHERE pagerduty_id IS NOT NULL;

-- Keys under which a PagerDuty incident of ours comes back to us that opens no room: it was made to page somebody.
CREATE TABLE expected_page (
    key BLOB PRIMARY KEY,
    incident_id BLOB REFERENCES incident (id),
    title TEXT NOT NULL,
    expected_at INTEGER NOT NULL
) STRICT;
CREATE INDEX expected_page_title ON expected_page (title);
ALTER TABLE pagerduty_incident ADD COLUMN is_extra INTEGER NOT NULL DEFAULT 0 CHECK (is_extra IN (0, 1));
