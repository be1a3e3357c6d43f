-- A list that was sent to Slack and not answered so far: until it is, Slack may hold it.
ALTER TABLE group_sync ADD COLUMN in_doubt TEXT;
