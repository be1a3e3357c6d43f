-- What the public reads about an incident: one page incident each, on the page that `place` names.
CREATE TABLE notice (
    incident_id UUID PRIMARY KEY REFERENCES incident (id),
    place TEXT NOT NULL,
    page_incident_id TEXT NOT NULL,
    url TEXT,
    status TEXT,
    impact TEXT,
    components JSONB NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);

-- Each post, numbered as it is to go out; a draft that its author has not published yet has no number.
CREATE TABLE notice_post (
    id UUID PRIMARY KEY,
    incident_id UUID NOT NULL REFERENCES incident (id),
    number BIGINT,
    state TEXT NOT NULL,
    job_id BIGINT,
    status TEXT,
    impact TEXT,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    components JSONB NOT NULL,
    restores BOOLEAN NOT NULL,
    asked_by TEXT NOT NULL,
    asked_by_name TEXT NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    reason TEXT,
    UNIQUE (incident_id, number)
);
