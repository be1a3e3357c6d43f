-- User groups that follow the rota: how each stands.
CREATE TABLE group_sync (
    handle TEXT PRIMARY KEY,
    group_id TEXT,
    standing TEXT NOT NULL,
    problem TEXT,
    wanted TEXT NOT NULL,
    because TEXT NOT NULL,
    left_out TEXT NOT NULL,
    partial TEXT NOT NULL,
    good TEXT NOT NULL,
    ours TEXT NOT NULL,
    is_approved INTEGER NOT NULL CHECK (is_approved IN (0, 1)),
    cause TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    planned_at INTEGER NOT NULL,
    in_step_at INTEGER,
    written_at INTEGER,
    edited_by TEXT,
    hold TEXT,
    version INTEGER NOT NULL,
    repaired_at INTEGER
) STRICT;
CREATE INDEX group_sync_waiting ON group_sync (changed_at) WHERE standing = 'waiting';

-- Each write, with what was there before: for rollback, and to keep within Slack's limit.
CREATE TABLE group_write (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    handle TEXT NOT NULL,
    group_id TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    cause TEXT NOT NULL,
    written_at INTEGER NOT NULL
) STRICT;
CREATE INDEX group_write_handle ON group_write (handle, id);
CREATE INDEX group_write_at ON group_write (written_at);

-- People of PagerDuty whom nobody in Slack is known to be: when each was looked for, and told of (once).
CREATE TABLE unmapped (
    pagerduty_user_id TEXT PRIMARY KEY,
    looked_at INTEGER NOT NULL,
    told_at INTEGER
) STRICT;
