-- Who used which command where, and what came of it.
CREATE TABLE command_use (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    used_at INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    channel_id TEXT,
    via TEXT NOT NULL CHECK (via IN ('slash', 'message', 'button', 'form')),
    command TEXT NOT NULL,
    text TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('answered', 'done', 'denied', 'refused', 'failed'))
) STRICT;
CREATE INDEX command_use_at ON command_use (used_at);

-- Several hand-offs that one look finds are written in the order of the hand-offs, the latest first.
ALTER TABLE group_sync ADD COLUMN handed_over_at INTEGER NOT NULL DEFAULT 0;
UPDATE group_sync SET handed_over_at = changed_at;
DROP INDEX group_sync_waiting;
CREATE INDEX group_sync_waiting ON group_sync (handed_over_at) WHERE standing = 'waiting';
