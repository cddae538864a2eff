-- Nothing here has a foreign key: what ends jobs must lock no row that others share.
create table webhook_endpoints (
  id text primary key,
  key_id text not null,
  name text not null,
  url text not null,
  event_types text[] not null check (cardinality(event_types) > 0),
  secret text not null,
  old_secret text,
  old_secret_until timestamptz,
  enabled boolean not null default true,
  disabled_reason text,
  disabled_at timestamptz,
  failing_since timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (enabled = (disabled_at is null) and enabled = (disabled_reason is null))
);
create index webhook_endpoints_of_key on webhook_endpoints (key_id, id);

create table webhook_events (
  id text primary key,
  key_id text not null,
  type text not null,
  object_id text not null,
  created_at timestamptz not null default now()
);
create index webhook_events_by_time on webhook_events (created_at);

create table webhook_deliveries (
  id text primary key,
  event_id text not null,
  key_id text not null,
  endpoint_id text,
  url text,
  lane text not null,
  once boolean not null default false,
  state text not null default 'pending'
    check (state in ('pending', 'sending', 'delivered', 'dead', 'cancelled')),
  attempts integer not null default 0,
  failures integer not null default 0,
  next_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  check ((endpoint_id is null) <> (url is null))
-- Rows turn over like jobs.
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index webhook_deliveries_of_lane on webhook_deliveries (lane, id);
create index webhook_deliveries_of_event on webhook_deliveries (event_id);
create index webhook_deliveries_due on webhook_deliveries (next_at)
  where state in ('pending', 'sending');
create index webhook_deliveries_due_in_lane on webhook_deliveries (lane, next_at)
  where state in ('pending', 'sending');
create index webhook_deliveries_sending on webhook_deliveries (lane) where state = 'sending';

create table webhook_attempts (
  delivery_id text not null,
  attempt integer not null,
  started_at timestamptz not null,
  status integer,
  ms integer,
  error text,
  primary key (delivery_id, attempt)
);
