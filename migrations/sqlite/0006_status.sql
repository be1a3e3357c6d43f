-- What each monitor said last, and what counts of it: one odd reading is not news.
CREATE TABLE status_reading (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    notes TEXT NOT NULL,
    read_at INTEGER NOT NULL,
    known TEXT,
    known_at INTEGER,
    recent TEXT NOT NULL,
    settled TEXT NOT NULL
) STRICT;

-- Channels that are told when the state changes, and what each was told last.
CREATE TABLE status_stalk (
    channel_id TEXT PRIMARY KEY,
    incident_id BLOB REFERENCES incident (id),
    started_by TEXT,
    started_at INTEGER NOT NULL,
    ends_at INTEGER,
    ended_at INTEGER,
    ended_by_hand INTEGER NOT NULL CHECK (ended_by_hand IN (0, 1)),
    told TEXT NOT NULL
) STRICT;
CREATE INDEX status_stalk_incident ON status_stalk (incident_id);
