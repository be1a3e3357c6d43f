-- What the public reads about an incident: one page incident each, on the page that `place` names.
CREATE TABLE notice (
    incident_id BLOB PRIMARY KEY REFERENCES incident (id),
    place TEXT NOT NULL,
    page_incident_id TEXT NOT NULL,
    url TEXT,
    status TEXT,
    impact TEXT,
    components TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- Each post, numbered as it is to go out; a draft that its author has not published yet has no number.
CREATE TABLE notice_post (
    id BLOB PRIMARY KEY,
    incident_id BLOB NOT NULL REFERENCES incident (id),
    number INTEGER,
    state TEXT NOT NULL,
    job_id INTEGER,
    status TEXT,
    impact TEXT,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    components TEXT NOT NULL,
    restores INTEGER NOT NULL CHECK (restores IN (0, 1)),
    asked_by TEXT NOT NULL,
    asked_by_name TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    reason TEXT,
    UNIQUE (incident_id, number)
) STRICT;
