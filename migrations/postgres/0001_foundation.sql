-- Deliveries as they came, each once; the row is itself the job of finding out what it means.
CREATE TABLE inbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source TEXT NOT NULL,
    delivery_key TEXT NOT NULL,
    body BYTEA NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    run_at TIMESTAMPTZ NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    done_at TIMESTAMPTZ,
    parked_at TIMESTAMPTZ,
    UNIQUE (source, delivery_key)
);
CREATE INDEX inbox_due ON inbox (id) WHERE done_at IS NULL AND parked_at IS NULL;
CREATE INDEX inbox_done ON inbox (done_at) WHERE done_at IS NOT NULL;

-- Effects on the outside world that must survive a kill.
CREATE TABLE job (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT NOT NULL,
    payload JSONB NOT NULL,
    lane TEXT,
    dedup_key TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    run_at TIMESTAMPTZ NOT NULL,
    max_attempts BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    token BIGINT NOT NULL DEFAULT 0,
    first_claimed_at TIMESTAMPTZ,
    lease_until TIMESTAMPTZ,
    last_error TEXT,
    done_at TIMESTAMPTZ,
    parked_at TIMESTAMPTZ
);
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
    answer JSONB NOT NULL,
    answered_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX answered_at_idx ON answered (answered_at);

-- People and the roster, as last read from the vendors.
CREATE TABLE slack_user (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    real_name TEXT NOT NULL,
    email TEXT,
    time_zone TEXT,
    team_id TEXT NOT NULL,
    is_bot BOOLEAN NOT NULL,
    is_guest BOOLEAN NOT NULL,
    is_deleted BOOLEAN NOT NULL,
    read_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX slack_user_email ON slack_user (lower(email));
CREATE TABLE user_group (
    id TEXT PRIMARY KEY,
    handle TEXT NOT NULL,
    name TEXT NOT NULL,
    members JSONB NOT NULL,
    is_disabled BOOLEAN NOT NULL,
    read_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE pagerduty_user (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT,
    emails JSONB NOT NULL,
    phone TEXT,
    html_url TEXT,
    read_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE person_link (
    pagerduty_user_id TEXT PRIMARY KEY,
    slack_user_id TEXT,
    how TEXT NOT NULL,
    linked_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE oncall (
    policy_id TEXT NOT NULL,
    policy_name TEXT NOT NULL,
    level BIGINT NOT NULL,
    schedule_id TEXT,
    schedule_name TEXT,
    pagerduty_user_id TEXT NOT NULL,
    user_name TEXT NOT NULL,
    starts_at TIMESTAMPTZ,
    ends_at TIMESTAMPTZ
);
CREATE INDEX oncall_policy ON oncall (policy_id, level);
-- Small facts read from vendors (who we are, priorities, services), and when each source was last read well.
CREATE TABLE vendor_fact (
    name TEXT PRIMARY KEY,
    body JSONB NOT NULL,
    read_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
-- `directory` goes up whenever what is known about people changes, so that every replica's memory follows.
INSERT INTO counter (name, value) VALUES ('incident', 0), ('directory', 0);

CREATE TABLE incident (
    id UUID PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    severity TEXT NOT NULL,
    status TEXT NOT NULL,
    service TEXT,
    is_private BOOLEAN NOT NULL,
    is_test BOOLEAN NOT NULL,
    wants_page BOOLEAN NOT NULL,
    origin TEXT NOT NULL,
    declared_by TEXT,
    declared_by_name TEXT NOT NULL,
    declared_at TIMESTAMPTZ NOT NULL,
    acknowledged_at TIMESTAMPTZ,
    mitigated_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    status_changed_at TIMESTAMPTZ NOT NULL,
    channel_id TEXT,
    channel_name TEXT,
    last_update TEXT,
    last_update_at TIMESTAMPTZ,
    update_due_at TIMESTAMPTZ,
    commander_due_at TIMESTAMPTZ,
    reopened_count BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX incident_channel ON incident (channel_id) WHERE channel_id IS NOT NULL;
CREATE INDEX incident_open ON incident (declared_at) WHERE ended_at IS NULL;

-- Each thing that declaring sets in motion, and what became of it.
CREATE TABLE incident_step (
    incident_id UUID NOT NULL REFERENCES incident (id),
    step TEXT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT,
    job_id BIGINT,
    changed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (incident_id, step)
);
CREATE TABLE incident_role (
    incident_id UUID NOT NULL REFERENCES incident (id),
    role TEXT NOT NULL,
    slack_user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    assigned_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (incident_id, role)
);
CREATE TABLE incident_member (
    incident_id UUID NOT NULL REFERENCES incident (id),
    slack_user_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT,
    changed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (incident_id, slack_user_id)
);
-- People whom PagerDuty pages and whom the roster did not know in Slack. Without slack_user_id they have no account
-- there, and somebody must tell them.
CREATE TABLE incident_outsider (
    incident_id UUID NOT NULL REFERENCES incident (id),
    pagerduty_user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    phone TEXT,
    slack_user_id TEXT,
    paged_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (incident_id, pagerduty_user_id)
);
-- Messages of ours that are edited in place: the summary, the announcement, the reminder.
CREATE TABLE incident_message (
    incident_id UUID NOT NULL REFERENCES incident (id),
    kind TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    ts TEXT NOT NULL,
    PRIMARY KEY (incident_id, kind)
);
-- PagerDuty's incidents that we know of. Without incident_id: seen, and not opened by us (yet).
CREATE TABLE pagerduty_incident (
    id TEXT PRIMARY KEY,
    incident_id UUID REFERENCES incident (id),
    is_primary BOOLEAN NOT NULL,
    number BIGINT,
    title TEXT NOT NULL,
    html_url TEXT,
    service_id TEXT,
    urgency TEXT,
    priority TEXT,
    status TEXT NOT NULL,
    status_changed_at TIMESTAMPTZ NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    held_at TIMESTAMPTZ,
    merged_into TEXT
);
CREATE UNIQUE INDEX pagerduty_incident_primary ON pagerduty_incident (incident_id) WHERE is_primary;
CREATE INDEX pagerduty_incident_of ON pagerduty_incident (incident_id);

CREATE TABLE timeline (
    id UUID PRIMARY KEY,
    incident_id UUID NOT NULL REFERENCES incident (id),
    occurred_at TIMESTAMPTZ NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    actor TEXT NOT NULL,
    actor_slack_id TEXT,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    permalink TEXT,
    dedup_key TEXT UNIQUE,
    corrects UUID REFERENCES timeline (id)
);
CREATE INDEX timeline_incident ON timeline (incident_id, occurred_at, id);
-- Append-only: a correction is a new row that names the old one. The one thing that is filled in later, once, is where
-- the entry's message stands in Slack: nobody knows that before it is posted.
CREATE FUNCTION timeline_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.permalink IS NULL
        AND to_jsonb(NEW) - 'permalink' = to_jsonb(OLD) - 'permalink' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the timeline is append-only: add a row whose corrects names the old one';
END $$;
CREATE TRIGGER timeline_append_only BEFORE UPDATE OR DELETE ON timeline
    FOR EACH ROW EXECUTE FUNCTION timeline_is_append_only();
CREATE TRIGGER timeline_append_only_as_a_whole BEFORE TRUNCATE ON timeline
    FOR EACH STATEMENT EXECUTE FUNCTION timeline_is_append_only();
