-- Up Migration

-- A file of requests that run as jobs of the lowest class. Nothing here is counted up: counts, usage
-- and cost are sums over the lines, worked out anew each time.
create table batches (
  id text primary key,
  key_id text not null,
  endpoint text not null,
  input_file_id text not null,
  completion_window text not null,
  -- A JSON object as text.
  metadata text,
  residency text not null check (residency in ('local', 'any')),
  -- Its lines may go to their routes' overflow targets.
  overflow boolean not null,
  -- Of its files, from their creation.
  output_expires_s integer,
  -- Its own cap: a budget period that its lines' jobs hold from, beside those of the key.
  cap_period_id bigint references budget_periods,
  -- `expiring` is shown as `finalizing`: its time is up, and what was done is being written.
  state text not null default 'validating' check (state in ('validating', 'failed', 'in_progress',
    'finalizing', 'completed', 'expiring', 'expired', 'cancelling', 'cancelled')),
  created_at timestamptz not null default now(),
  in_progress_at timestamptz,
  -- By when its lines must have ended.
  deadline_at timestamptz not null,
  -- From then on its lines are of a higher class.
  urgent_at timestamptz not null,
  finalizing_at timestamptz,
  cancelling_at timestamptz,
  ended_at timestamptz,
  -- What is wrong with its file: a JSON array of {code, message, param, line}.
  errors text,
  -- Known once its file has been read.
  total integer,
  -- The models that its lines ask for; '' stands for those that there are not.
  models text[] not null default '{}',
  output_file_id text,
  error_file_id text,
  -- The results of all lines up to this one stand in the files.
  written_line integer not null default 0,
  -- Why none of its lines runs: insufficient_quota | max_cost_usd | invalid_api_key | no_capacity.
  paused text,
  paused_message text,
  paused_at timestamptz,
  -- A paused one is tried again then.
  feed_at timestamptz not null default now(),
  -- The worker that feeds it, for speed only: two would do no harm.
  feeder text,
  feeder_until timestamptz,
  -- Of its lines: of a live one as they were a moment ago.
  sums jsonb,
  -- Its lines are there no more: they stand in the files and in the sums.
  lines_gone boolean not null default false
);
create index batches_of_key on batches (key_id, id);
create index batches_live on batches (id) where ended_at is null;
create index batches_lined on batches (ended_at) where ended_at is not null and not lines_gone;
create index batches_input on batches (input_file_id) where ended_at is null;

create table batch_lines (
  batch_id text not null,
  -- Of the file, from 1.
  line integer not null,
  custom_id text not null,
  -- Where its bytes are in the file.
  start bigint not null,
  length integer not null,
  model text not null,
  -- The job that runs it, named before it exists: whoever feeds the line makes this job or none.
  job_id text not null unique,
  -- pending: no job yet; open: its job has not ended; refused: it was no request that could be run.
  state text not null default 'pending' check (state in
    ('pending', 'open', 'done', 'failed', 'cancelled', 'expired', 'refused')),
  -- Of a refused one: {status, body}.
  refusal text,
  -- A job of it could not be paid for at its next target: so its next job holds the most that any
  -- target may cost.
  unpaid boolean not null default false,
  -- Jobs of it that failed at a provider, and those that did so where others did not; and when it may
  -- have another one.
  tries smallint not null default 0,
  failures smallint not null default 0,
  feed_at timestamptz,
  -- Of all its attempts.
  cost_nanos bigint not null default 0,
  -- As its answer says, once that is written.
  input_tokens integer,
  cached_tokens integer,
  output_tokens integer,
  reasoning_tokens integer,
  primary key (batch_id, line)
);
create index batch_lines_pending on batch_lines (batch_id, model, line) where state = 'pending';
create index batch_lines_open on batch_lines (batch_id) where state = 'open';
alter table batch_lines set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

alter table jobs add column batch_id text, add column batch_line integer;
create index jobs_of_batch on jobs (batch_id, id) where batch_id is not null and deleted_at is null;
-- A list of jobs leaves out those of batches unless it is asked for them.
drop index jobs_of_key;
create index jobs_of_key on jobs (key_id, id)
  where not interactive and deleted_at is null and batch_id is null;

-- A batch's cap has no budget above it: it is one period without end.
alter table budget_periods alter column budget_id drop not null;

-- Writes down lines of a file that is being read; what a reader before has written stays. False: it
-- need not be read any more.
create function add_batch_lines(of_batch text, lines jsonb) returns boolean language plpgsql as $$
begin
  if not exists (select from batches where id = of_batch and state = 'validating') then
    return false;
  end if;
  insert into batch_lines (batch_id, line, custom_id, start, length, model, job_id)
  select of_batch, l.line, l.custom_id, l.start, l.length, l.model, new_id('job')
  from jsonb_to_recordset(lines)
    as l(line integer, custom_id text, start bigint, length integer, model text)
  on conflict (batch_id, line) do nothing;
  return true;
end $$;

-- All lines are written down and sound: they may run. False: it was cancelled meanwhile, or another
-- worker was faster.
create function begin_batch(of_batch text, lines integer) returns boolean
language plpgsql as $$
declare
  b batches;
begin
  update batches set state = 'in_progress', in_progress_at = now(), total = lines,
    models = array(
      select distinct model from batch_lines l where l.batch_id = of_batch order by model),
    output_file_id = 'file-' || substr(new_id('file'), 6),
    error_file_id = 'file-' || substr(new_id('file'), 6)
  where id = of_batch and state = 'validating'
    and lines = (select count(*) from batch_lines l where l.batch_id = of_batch)
  returning * into b;
  if b.id is null then
    return false;
  end if;
  insert into files (id, key_id, filename, purpose, bytes, state)
  select f.id, b.key_id, b.id || f.name, 'batch_output', 0, 'writing'
  from (values (b.output_file_id, '_output.jsonl'), (b.error_file_id, '_error.jsonl')) as f(id, name);
  return true;
end $$;

-- What a batch's lines have come to: completed, failed (all lines that got no answer), tokens and cost.
create function sum_batch(of_batch text) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'completed', count(*) filter (where state = 'done'),
    'failed', count(*) filter (where state not in ('pending', 'open', 'done')),
    'input_tokens', coalesce(sum(input_tokens), 0),
    'cached_tokens', coalesce(sum(cached_tokens), 0),
    'output_tokens', coalesce(sum(output_tokens), 0),
    'reasoning_tokens', coalesce(sum(reasoning_tokens), 0),
    'cost_nanos', coalesce(sum(cost_nanos), 0)::text)
  from batch_lines where batch_id = of_batch
$$;

-- The end of a batch, which is told by webhook in the same statement. False: it was not in that state.
create function end_batch(of_batch text, from_state text, to_state text, of_errors text default null)
returns boolean language plpgsql as $$
declare
  b batches;
begin
  update batches set state = to_state, ended_at = now(), errors = of_errors, sums = sum_batch(id),
    paused = null, paused_message = null, paused_at = null, feeder = null, feeder_until = null
  where id = of_batch and state = from_state
  returning * into b;
  if b.id is null then
    return false;
  end if;
  perform emit_event(b.key_id, 'batch.' || to_state, b.id, null);
  return true;
end $$;

-- Asks a key's batch to end; its feeder ends what has not begun and stops what runs.
create function cancel_batch(of_key text, of_batch text) returns void language sql as $$
  update batches set state = 'cancelling', cancelling_at = now(), paused = null,
    paused_message = null, paused_at = null
  where id = of_batch and key_id = of_key and state in ('validating', 'in_progress')
$$;

-- Sets what a live batch may cost, and its paused feeding goes on. False: it has ended, or has no cap.
create function set_batch_cap(of_batch text, nanos bigint) returns boolean language plpgsql as $$
declare
  cap bigint;
begin
  update batches set feed_at = now(), metadata = jsonb_set(metadata::jsonb, '{max_cost_usd}',
    to_jsonb(trim_scale(nanos * 0.000000001)::text))::text
  where id = of_batch and ended_at is null and cap_period_id is not null
  returning cap_period_id into cap;
  update budget_periods set limit_nanos = nanos where id = cap;
  return cap is not null;
end $$;

-- Down Migration
