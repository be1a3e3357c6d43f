-- What each monitor said last, and what counts of it: one odd reading is not news.
CREATE TABLE status_reading (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    notes JSONB NOT NULL,
    read_at TIMESTAMPTZ NOT NULL,
    known TEXT,
    known_at TIMESTAMPTZ,
    recent JSONB NOT NULL,
    settled TEXT NOT NULL
);

-- Channels that are told when the state changes, and what each was told last.
CREATE TABLE status_stalk (
    channel_id TEXT PRIMARY KEY,
    incident_id UUID REFERENCES incident (id),
    started_by TEXT,
    started_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    ended_by_hand BOOLEAN NOT NULL,
    told JSONB NOT NULL
);
CREATE INDEX status_stalk_incident ON status_stalk (incident_id);
