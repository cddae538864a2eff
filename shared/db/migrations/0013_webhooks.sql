-- Up Migration

-- Nothing here has a foreign key: what ends jobs must lock no row that others share.

create table webhook_endpoints (
  id text primary key,
  key_id text not null,
  name text not null,
  url text not null,
  event_types text[] not null check (cardinality(event_types) > 0),
  secret text not null,
  -- Signs beside the new one until then.
  old_secret text,
  old_secret_until timestamptz,
  enabled boolean not null default true,
  -- gone (it answered 410) | failing | owner
  disabled_reason text,
  disabled_at timestamptz,
  -- Since when it has only failed.
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
  -- The response, batch or job that it is about.
  object_id text not null,
  created_at timestamptz not null default now()
);
create index webhook_events_by_time on webhook_events (created_at);

create table webhook_deliveries (
  id text primary key,
  event_id text not null,
  key_id text not null,
  -- Null: to the `url` that one request named.
  endpoint_id text,
  url text,
  -- What shares a small number of calls in flight: an endpoint, its tests, or the requests' own
  -- addresses at one host.
  lane text not null,
  -- A test: one attempt, of no consequence for the endpoint.
  once boolean not null default false,
  state text not null default 'pending'
    check (state in ('pending', 'sending', 'delivered', 'dead', 'cancelled')),
  -- Numbers the attempts, and tells a late word about one from a word about the last.
  attempts integer not null default 0,
  -- Failures since the schedule began, which it does anew with each redelivery.
  failures integer not null default 0,
  -- When the next attempt is due; of one that is being sent, when its sender is given up.
  next_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  check ((endpoint_id is null) <> (url is null))
);
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
  -- All null while it runs.
  status integer,
  ms integer,
  error text,
  primary key (delivery_id, attempt)
);

-- These turn over like jobs.
alter table webhook_deliveries set (autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_cost_delay = 0);

-- A kind and a UUID of version 7, as everywhere; made here, where the rows are made.
create function new_id(kind text) returns text language sql volatile as $$
  select kind || '_' || lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
    || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14)
$$;

-- The outbox, called inside whatever statement ends a job: one event, with a delivery to each of the
-- key's endpoints that listen to its type and one to the address that the request named. Locks
-- nothing. Returns the event's id; null when nobody listens.
create function emit_event(of_key text, event_type text, of_object text, direct_url text)
returns text language plpgsql as $$
declare
  event text;
begin
  with recipients as (
    select e.id as endpoint, null::text as url, e.id as lane
    from webhook_endpoints e
    where e.key_id = of_key and e.enabled and event_type = any (e.event_types)
    union all
    select null, direct_url, left('direct:' || of_key || ':'
      || coalesce(lower(substring(direct_url from '^[^/]*//([^/?#]*)')), ''), 400)
    where direct_url is not null
  ), made as (
    insert into webhook_events (id, key_id, type, object_id)
    select new_id('evt'), of_key, event_type, of_object where exists (select from recipients)
    returning id
  ), sent as (
    insert into webhook_deliveries (id, event_id, key_id, endpoint_id, url, lane)
    select new_id('whd'), made.id, of_key, r.endpoint, r.url, r.lane from made, recipients r
  )
  select made.id into event from made;
  return event;
end $$;

-- Down Migration
