create table batches (
  id text primary key,
  key_id text not null,
  endpoint text not null,
  input_file_id text not null,
  completion_window text not null,
  metadata text,
  residency text not null check (residency in ('local', 'any')),
  overflow boolean not null,
  output_expires_s integer,
  cap_period_id bigint references budget_periods,
  state text not null default 'validating' check (state in ('validating', 'failed', 'in_progress',
    'finalizing', 'completed', 'expiring', 'expired', 'cancelling', 'cancelled')),
  created_at timestamptz not null default now(),
  in_progress_at timestamptz,
  deadline_at timestamptz not null,
  urgent_at timestamptz not null,
  finalizing_at timestamptz,
  cancelling_at timestamptz,
  ended_at timestamptz,
  errors text,
  total integer,
  models text[] not null default '{}',
  output_file_id text,
  error_file_id text,
  written_line integer not null default 0,
  paused text,
  paused_message text,
  paused_at timestamptz,
  feed_at timestamptz not null default now(),
  feeder text,
  feeder_until timestamptz,
  sums jsonb,
  lines_gone boolean not null default false
);
create index batches_of_key on batches (key_id, id);
create index batches_live on batches (id) where ended_at is null;
create index batches_lined on batches (ended_at) where ended_at is not null and not lines_gone;
create index batches_input on batches (input_file_id) where ended_at is null;

create table batch_lines (
  batch_id text not null,
  line integer not null,
  custom_id text not null,
  start bigint not null,
  length integer not null,
  model text not null,
  job_id text not null unique,
  state text not null default 'pending' check (state in
    ('pending', 'open', 'done', 'failed', 'cancelled', 'expired', 'refused')),
  refusal text,
  unpaid boolean not null default false,
  tries smallint not null default 0,
  failures smallint not null default 0,
  feed_at timestamptz,
  cost_nanos bigint not null default 0,
  input_tokens integer,
  cached_tokens integer,
  output_tokens integer,
  reasoning_tokens integer,
  primary key (batch_id, line)
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
create index batch_lines_pending on batch_lines (batch_id, model, line) where state = 'pending';
create index batch_lines_open on batch_lines (batch_id) where state = 'open';
