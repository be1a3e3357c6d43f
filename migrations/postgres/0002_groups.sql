-- User groups that follow the rota: how each stands.
CREATE TABLE group_sync (
    handle TEXT PRIMARY KEY,
    group_id TEXT,
    standing TEXT NOT NULL,
    problem TEXT,
    wanted JSONB NOT NULL,
    because JSONB NOT NULL,
    left_out JSONB NOT NULL,
    partial JSONB NOT NULL,
    good JSONB NOT NULL,
    ours JSONB NOT NULL,
    is_approved BOOLEAN NOT NULL,
    cause TEXT NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    planned_at TIMESTAMPTZ NOT NULL,
    in_step_at TIMESTAMPTZ,
    written_at TIMESTAMPTZ,
    edited_by TEXT,
    hold JSONB,
    version BIGINT NOT NULL,
    repaired_at TIMESTAMPTZ
);
CREATE INDEX group_sync_waiting ON group_sync (changed_at) WHERE standing = 'waiting';

-- Each write, with what was there before: for rollback, and to keep within Slack's limit.
CREATE TABLE group_write (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle TEXT NOT NULL,
    group_id TEXT NOT NULL,
    before JSONB NOT NULL,
    after JSONB NOT NULL,
    cause TEXT NOT NULL,
    written_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX group_write_handle ON group_write (handle, id);
CREATE INDEX group_write_at ON group_write (written_at);

-- People of PagerDuty whom nobody in Slack is known to be: when each was looked for, and told of (once).
CREATE TABLE unmapped (
    pagerduty_user_id TEXT PRIMARY KEY,
    looked_at TIMESTAMPTZ NOT NULL,
    told_at TIMESTAMPTZ
);
