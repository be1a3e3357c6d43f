-- Times are microseconds since 1970 in UTC.
-- Deliveries as they came, each once; the row is itself the job of finding out what it means.
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    delivery_key TEXT NOT NULL,
    body BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    done_at INTEGER,
    parked_at INTEGER,
    UNIQUE (source, delivery_key)
) STRICT;
CREATE INDEX inbox_due ON inbox (id) WHERE done_at IS NULL AND parked_at IS NULL;
CREATE INDEX inbox_done ON inbox (done_at) WHERE done_at IS NOT NULL;

-- Effects on the outside world that must survive a kill.
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    lane TEXT,
    dedup_key TEXT,
    created_at INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    max_attempts INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,
    first_claimed_at INTEGER,
    lease_until INTEGER,
    last_error TEXT,
    done_at INTEGER,
    parked_at INTEGER
) STRICT;
CREATE UNIQUE INDEX job_dedup ON job (dedup_key)
    WHERE lease_until IS NULL AND done_at IS NULL AND parked_at IS NULL;
CREATE INDEX job_due ON job (run_at, id) WHERE done_at IS NULL AND parked_at IS NULL;
CREATE INDEX job_lane ON job (lane, id) WHERE done_at IS NULL AND parked_at IS NULL AND lane IS NOT NULL;
CREATE INDEX job_parked ON job (dedup_key) WHERE parked_at IS NOT NULL AND done_at IS NULL;
CREATE INDEX job_done ON job (done_at) WHERE done_at IS NOT NULL;

-- What a person was answered, so that the same request again gets the same answer and does nothing.
CREATE TABLE answered (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    answer TEXT NOT NULL,
    answered_at INTEGER NOT NULL
) STRICT;
CREATE INDEX answered_at_idx ON answered (answered_at);

-- People and the roster, as last read from the vendors.
CREATE TABLE slack_user (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    real_name TEXT NOT NULL,
    email TEXT,
    time_zone TEXT,
    team_id TEXT NOT NULL,
    is_bot INTEGER NOT NULL CHECK (is_bot IN (0, 1)),
    is_guest INTEGER NOT NULL CHECK (is_guest IN (0, 1)),
    is_deleted INTEGER NOT NULL CHECK (is_deleted IN (0, 1)),
    read_at INTEGER NOT NULL
) STRICT;
CREATE INDEX slack_user_email ON slack_user (lower(email));
CREATE TABLE user_group (
    id TEXT PRIMARY KEY,
    handle TEXT NOT NULL,
    name TEXT NOT NULL,
    members TEXT NOT NULL,
    is_disabled INTEGER NOT NULL CHECK (is_disabled IN (0, 1)),
    read_at INTEGER NOT NULL
) STRICT;
CREATE TABLE pagerduty_user (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT,
    emails TEXT NOT NULL,
    phone TEXT,
    html_url TEXT,
    read_at INTEGER NOT NULL
) STRICT;
CREATE TABLE person_link (
    pagerduty_user_id TEXT PRIMARY KEY,
    slack_user_id TEXT,
    how TEXT NOT NULL,
    linked_at INTEGER NOT NULL
) STRICT;
CREATE TABLE oncall (
    policy_id TEXT NOT NULL,
    policy_name TEXT NOT NULL,
    level INTEGER NOT NULL,
    schedule_id TEXT,
    schedule_name TEXT,
    pagerduty_user_id TEXT NOT NULL,
    user_name TEXT NOT NULL,
    starts_at INTEGER,
    ends_at INTEGER
) STRICT;
CREATE INDEX oncall_policy ON oncall (policy_id, level);
-- Small facts read from vendors (who we are, priorities, services), and when each source was last read well.
CREATE TABLE vendor_fact (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    read_at INTEGER NOT NULL
) STRICT;

CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
-- `directory` goes up whenever what is known about people changes, so that every replica's memory follows.
INSERT INTO counter (name, value) VALUES ('incident', 0), ('directory', 0);

CREATE TABLE incident (
    id BLOB PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    title TEXT NOT NULL,
    severity TEXT NOT NULL,
    status TEXT NOT NULL,
    service TEXT,
    is_private INTEGER NOT NULL CHECK (is_private IN (0, 1)),
    is_test INTEGER NOT NULL CHECK (is_test IN (0, 1)),
    wants_page INTEGER NOT NULL CHECK (wants_page IN (0, 1)),
    origin TEXT NOT NULL,
    declared_by TEXT,
    declared_by_name TEXT NOT NULL,
    declared_at INTEGER NOT NULL,
    acknowledged_at INTEGER,
    mitigated_at INTEGER,
    ended_at INTEGER,
    status_changed_at INTEGER NOT NULL,
    channel_id TEXT,
    channel_name TEXT,
    last_update TEXT,
    last_update_at INTEGER,
    update_due_at INTEGER,
    commander_due_at INTEGER,
    reopened_count INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX incident_channel ON incident (channel_id) WHERE channel_id IS NOT NULL;
CREATE INDEX incident_open ON incident (declared_at) WHERE ended_at IS NULL;

-- Each thing that declaring sets in motion, and what became of it.
CREATE TABLE incident_step (
    incident_id BLOB NOT NULL REFERENCES incident (id),
    step TEXT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT,
    job_id INTEGER,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (incident_id, step)
) STRICT;
CREATE TABLE incident_role (
    incident_id BLOB NOT NULL REFERENCES incident (id),
    role TEXT NOT NULL,
    slack_user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    assigned_at INTEGER NOT NULL,
    PRIMARY KEY (incident_id, role)
) STRICT;
CREATE TABLE incident_member (
    incident_id BLOB NOT NULL REFERENCES incident (id),
    slack_user_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (incident_id, slack_user_id)
) STRICT;
-- People whom PagerDuty pages and whom the roster did not know in Slack. Without slack_user_id they have no account
-- there, and somebody must tell them.
CREATE TABLE incident_outsider (
    incident_id BLOB NOT NULL REFERENCES incident (id),
    pagerduty_user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    phone TEXT,
    slack_user_id TEXT,
    paged_at INTEGER NOT NULL,
    PRIMARY KEY (incident_id, pagerduty_user_id)
) STRICT;
-- Messages of ours that are edited in place: the summary, the announcement, the reminder.
CREATE TABLE incident_message (
    incident_id BLOB NOT NULL REFERENCES incident (id),
    kind TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    ts TEXT NOT NULL,
    PRIMARY KEY (incident_id, kind)
) STRICT;
-- PagerDuty's incidents that we know of. Without incident_id: seen, and not opened by us (yet).
CREATE TABLE pagerduty_incident (
    id TEXT PRIMARY KEY,
    incident_id BLOB REFERENCES incident (id),
    is_primary INTEGER NOT NULL CHECK (is_primary IN (0, 1)),
    number INTEGER,
    title TEXT NOT NULL,
    html_url TEXT,
    service_id TEXT,
    urgency TEXT,
    priority TEXT,
    status TEXT NOT NULL,
    status_changed_at INTEGER NOT NULL,
    first_seen_at INTEGER NOT NULL,
    held_at INTEGER,
    merged_into TEXT
) STRICT;
CREATE UNIQUE INDEX pagerduty_incident_primary ON pagerduty_incident (incident_id) WHERE is_primary;
CREATE INDEX pagerduty_incident_of ON pagerduty_incident (incident_id);

CREATE TABLE timeline (
    id BLOB PRIMARY KEY,
    incident_id BLOB NOT NULL REFERENCES incident (id),
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    actor_slack_id TEXT,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    permalink TEXT,
    dedup_key TEXT UNIQUE,
    corrects BLOB REFERENCES timeline (id)
) STRICT;
CREATE INDEX timeline_incident ON timeline (incident_id, occurred_at, id);
-- Append-only: a correction is a new row that names the old one. The one thing that is filled in later, once, is where
-- the entry's message stands in Slack: nobody knows that before it is posted.
CREATE TRIGGER timeline_append_only_update BEFORE UPDATE ON timeline
WHEN OLD.permalink IS NOT NULL OR OLD.id IS NOT NEW.id OR OLD.incident_id IS NOT NEW.incident_id
    OR OLD.occurred_at IS NOT NEW.occurred_at OR OLD.recorded_at IS NOT NEW.recorded_at
    OR OLD.actor IS NOT NEW.actor OR OLD.actor_slack_id IS NOT NEW.actor_slack_id
    OR OLD.source IS NOT NEW.source OR OLD.kind IS NOT NEW.kind OR OLD.text IS NOT NEW.text
    OR OLD.dedup_key IS NOT NEW.dedup_key OR OLD.corrects IS NOT NEW.corrects
BEGIN
    SELECT RAISE(ABORT, 'the timeline is append-only: add a row whose corrects names the old one');
END;
CREATE TRIGGER timeline_append_only_delete BEFORE DELETE ON timeline BEGIN
    SELECT RAISE(ABORT, 'the timeline is append-only: add a row whose corrects names the old one');
END;
