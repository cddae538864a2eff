-- Up Migration

-- What was found out about a provider's engine, and what of its configuration does not go with it:
-- shown to operators, read by no statement.
alter table providers add column engine jsonb;

-- Down Migration
