-- There is no foreign key to `keys`: it would lock one hot row in every accept, and keys are never
-- deleted.
create table jobs (
  id text primary key,
  key_id text not null,
  endpoint text not null,
  model text not null,
  class smallint not null check (class between 0 and 3),
  residency text not null check (residency in ('local', 'any')),
  interactive boolean not null,
  stream boolean not null,
  owner text not null,
  state text not null
    check (state in ('waiting', 'running', 'done', 'failed', 'cancelled', 'expired')),
  place integer not null default 0,
  fence integer not null default 0,
  tries integer not null default 0,
  max_attempts smallint not null,
  provider text not null,
  target smallint not null,
  plan jsonb not null,
  input_bound integer not null,
  output_bound integer not null,
  retrying boolean not null default false,
  hold_nanos bigint not null check (hold_nanos >= 0),
  period_ids bigint[] not null,
  cost_nanos bigint not null default 0,
  cancel_reason text,
  error_code text,
  accepted_at timestamptz not null default now(),
  deadline_at timestamptz not null,
  overflow_at timestamptz,
  overflow_on_failure boolean not null,
  wake_at timestamptz not null,
  checks smallint not null default 0,
  ended_at timestamptz,
  notify boolean not null default false,
  stored boolean not null default false,
  webhook_url text,
  read_fence integer not null default 0,
  response_status text,
  request_hash bytea,
  waiter text,
  lost_at timestamptz,
  deleted_at timestamptz,
  batch_id text,
  batch_line integer,
  output_cap integer,
  crashes smallint not null default 0,
  constraint ended_jobs_hold_nothing
    check (state in ('waiting', 'running') or (hold_nanos = 0 and ended_at is not null))
-- The table turns over with every request, and the default thresholds would let it bloat.
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index jobs_waiting on jobs (provider, accepted_at) where state = 'waiting';
create index jobs_wake on jobs (wake_at) where state = 'waiting';
create index jobs_overflow on jobs (overflow_at)
  where state = 'waiting' and overflow_at is not null;
create index jobs_retrying on jobs (provider) where retrying and state in ('waiting', 'running');
create index jobs_ended on jobs (ended_at) where not interactive and deleted_at is null;
create index jobs_lost on jobs (lost_at) where lost_at is not null;
create index jobs_of_batch on jobs (batch_id, id)
  where batch_id is not null and deleted_at is null;
-- A list of jobs leaves out those of batches unless it is asked for them.
create index jobs_of_key on jobs (key_id, id)
  where not interactive and deleted_at is null and batch_id is null;
create index jobs_waiter on jobs (waiter) where waiter is not null;

create table attempts (
  job_id text not null,
  fence integer not null,
  nonce text not null,
  worker text not null,
  provider text not null,
  target smallint not null,
  queue_ms integer not null,
  started_at timestamptz not null default clock_timestamp(),
  primary key (job_id, fence)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0);
