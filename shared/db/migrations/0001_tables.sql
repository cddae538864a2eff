-- Up Migration

-- Who calls. The key itself is never stored: only its SHA-256.
create table keys (
  id text primary key,
  hash bytea not null unique check (octet_length(hash) = 32),
  -- The last characters, so that a person can tell keys apart.
  hint text not null,
  name text not null,
  models text[],
  residency text not null default 'any' check (residency in ('local', 'any')),
  max_service_tier text not null default 'priority'
    check (max_service_tier in ('priority', 'default', 'flex')),
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz not null default now()
);

create table budgets (
  id bigint generated always as identity primary key,
  key_id text not null references keys,
  limit_nanos bigint not null check (limit_nanos >= 0),
  period text not null check (period in ('day', 'week', 'month', 'total')),
  created_at timestamptz not null default now(),
  removed_at timestamptz
);
create unique index budgets_one_per_key on budgets (key_id) where removed_at is null;

-- One row per budget and period, made ahead. Holds and settlements name the row that they were
-- taken from, so a job that straddles a reset is charged once, to the period that admitted it.
create table budget_periods (
  id bigint generated always as identity primary key,
  budget_id bigint not null references budgets,
  period text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  limit_nanos bigint not null check (limit_nanos >= 0),
  settled_nanos bigint not null default 0 check (settled_nanos >= 0),
  held_nanos bigint not null default 0 check (held_nanos >= 0),
  unique (budget_id, period, starts_at)
) with (fillfactor = 50);

-- The limit of a provider stands here, so that hosts with different files agree.
create table providers (
  id integer generated always as identity primary key,
  name text not null unique,
  location text not null check (location in ('local', 'cloud')),
  slots integer not null check (slots between 1 and 10000),
  healthy boolean not null default true,
  health_changed_at timestamptz not null default now()
);

-- API and worker processes. `seq` is the number of the advisory lock that each holds while it lives.
create table processes (
  id text primary key,
  seq integer generated always as identity,
  kind text not null check (kind in ('api', 'worker')),
  host text not null,
  pid integer not null,
  beat bigint not null default 0,
  beat_at timestamptz not null default now(),
  started_at timestamptz not null default now()
);

-- Who used a slot last; a name that still stands when the lock is free means an unclean end.
create table slot_holders (
  provider_id integer not null references providers,
  slot integer not null,
  worker text,
  primary key (provider_id, slot)
);

-- No foreign key to `keys`: it would lock one hot row in every accept. Keys are never deleted.
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
  -- Calls that went out; `not_sent` attempts do not count.
  tries integer not null default 0,
  provider text not null,
  target smallint not null,
  -- The route's targets with prices and worst cases, frozen at accept.
  plan jsonb not null,
  input_bound integer not null,
  output_bound integer not null,
  -- Waits or runs as a repeated call of its provider; counted against the retry budget.
  retrying boolean not null default false,
  hold_nanos bigint not null check (hold_nanos >= 0),
  -- The budget periods that hold the amount above, in id order.
  period_ids bigint[] not null,
  cost_nanos bigint not null default 0,
  cancel_reason text,
  error_code text,
  accepted_at timestamptz not null default now(),
  deadline_at timestamptz not null,
  -- When a waiting job may overflow; null: not for waiting.
  overflow_at timestamptz,
  overflow_on_failure boolean not null,
  -- When the sweeper looks next: the deadline, or the next check that the entry still exists.
  wake_at timestamptz not null,
  checks smallint not null default 0,
  ended_at timestamptz,
  constraint ended_jobs_hold_nothing
    check (state in ('waiting', 'running') or (hold_nanos = 0 and ended_at is not null))
) with (fillfactor = 80);
create index jobs_waiting on jobs (provider, accepted_at) where state = 'waiting';
create index jobs_wake on jobs (wake_at) where state = 'waiting';
create index jobs_overflow on jobs (overflow_at) where state = 'waiting' and overflow_at is not null;
create index jobs_retrying on jobs (provider) where retrying and state in ('waiting', 'running');

-- Open attempts only, committed before dialling. Closing one moves it to the ledger: an attempt
-- stands here or there, never in both. An open attempt's job is `running` at the same fence.
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
);

create table ledger (
  id bigint generated always as identity primary key,
  job_id text not null,
  attempt integer not null,
  key_id text not null,
  provider text not null,
  location text not null,
  endpoint text not null,
  model text not null,
  upstream_model text not null,
  status text not null check (status in ('ok', 'failed', 'cancelled', 'unknown', 'not_sent')),
  error_code text,
  prompt_tokens integer not null default 0 check (prompt_tokens >= 0),
  completion_tokens integer not null default 0 check (completion_tokens >= 0),
  -- Token counts are bounds, because the upstream reported none that could be true.
  estimated boolean not null default false,
  cost_nanos bigint not null check (cost_nanos >= 0),
  -- Cost beyond the hold, carried by the house instead of the key.
  overrun_nanos bigint not null default 0 check (overrun_nanos >= 0),
  queue_ms integer not null,
  ttft_ms integer,
  total_ms integer not null,
  created_at timestamptz not null default now(),
  unique (job_id, attempt)
);
create index ledger_by_key on ledger (key_id, id);
create index ledger_overrun on ledger (id) where overrun_nanos > 0;

create function refuse_ledger_change() returns trigger language plpgsql as $$
begin
  raise exception 'the ledger is append-only';
end $$;
create trigger ledger_append_only before update or delete or truncate on ledger
  for each statement execute function refuse_ledger_change();

-- The last line of defence of I3: no statement may raise settled + held above the limit. A limit
-- lowered below what is already spent stays legal.
create function refuse_overspending() returns trigger language plpgsql as $$
begin
  if new.settled_nanos + new.held_nanos > new.limit_nanos
     and new.settled_nanos + new.held_nanos > old.settled_nanos + old.held_nanos then
    raise exception 'budget period % would be overspent', new.id using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger budget_periods_never_overspent before update on budget_periods
  for each row execute function refuse_overspending();

-- These tables turn over with every request; the default thresholds would let them bloat.
alter table jobs set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
alter table attempts set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0);
alter table budget_periods set (autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

-- Down Migration
