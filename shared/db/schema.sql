-- The tables as they are, for reading. `npm run schema` writes this page from `tables/`; the
-- functions and their triggers are in `functions/`.

-- Open attempts only, committed before the call goes out. Closing one moves it to the ledger: an
-- attempt stands here or there, never in both. The job of an open attempt is `running` at the same
-- fence.
create table attempts (
  job_id text not null,
  fence integer not null,
  nonce text not null,
  worker text not null,
  provider text not null,
  target smallint not null,
  queue_ms integer not null,
  started_at timestamptz default clock_timestamp() not null,
  constraint attempts_pkey primary key (job_id, fence)
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000);

-- Requests of batches.
create table batch_lines (
  batch_id text not null,
  -- The number in the file, from 1.
  line integer not null,
  custom_id text not null,
  -- Where its first byte is in the file.
  start bigint not null,
  length integer not null,
  model text not null,
  -- The job that runs the line, named before it exists: a feeder of the line makes this job or
  -- none.
  job_id text not null,
  -- `pending`: there is no job yet. `open`: the job has not ended. `refused`: the line was no
  -- request that could be run.
  state text default 'pending' not null,
  -- The answer to a refused line: {status, body}.
  refusal text,
  -- A job of the line could not be paid for at its next target, so the next job holds the most that
  -- any target may cost.
  unpaid boolean default false not null,
  -- Jobs of the line that failed at a provider.
  tries smallint default 0 not null,
  -- Jobs of the line that failed at a provider where others did not.
  failures smallint default 0 not null,
  -- When the line may have another job.
  feed_at timestamptz,
  -- The cost of all its attempts.
  cost_nanos bigint default 0 not null,
  -- Tokens are as the answer counts them, known once it is written.
  input_tokens integer,
  cached_tokens integer,
  output_tokens integer,
  reasoning_tokens integer,
  constraint batch_lines_pkey primary key (batch_id, line),
  constraint batch_lines_job_id_key unique (job_id),
  constraint batch_lines_state_check check (state = any (array['pending', 'open', 'done', 'failed', 'cancelled', 'expired', 'refused']))
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.05);
create index batch_lines_open on batch_lines using btree (batch_id) where state = 'open';
create index batch_lines_pending on batch_lines using btree (batch_id, model, line) where state = 'pending';

-- Files of requests that run as jobs of the lowest class. No column counts up: counts, usage and
-- cost are sums over the lines, worked out each time.
create table batches (
  id text not null,
  key_id text not null,
  endpoint text not null,
  input_file_id text not null,
  completion_window text not null,
  -- A JSON object as text.
  metadata text,
  residency text not null,
  -- Its lines may go to the overflow targets of their routes.
  overflow boolean not null,
  -- Seconds from the creation of its output files.
  output_expires_s integer,
  -- Its own cap: a budget period from which the jobs of its lines hold, beside those of the key.
  cap_period_id bigint,
  -- `expiring` is shown as `finalizing`: the time is up, and what was done is being written.
  state text default 'validating' not null,
  created_at timestamptz default now() not null,
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
  -- The number of lines, known once the file has been read.
  total integer,
  -- The models that its lines ask for. The empty string stands for those that do not exist.
  models text[] default '{}'[] not null,
  output_file_id text,
  error_file_id text,
  -- The results of all lines up to this one stand in the files.
  written_line integer default 0 not null,
  -- Why none of its lines runs: `insufficient_quota`, `max_cost_usd`, `invalid_api_key` or
  -- `no_capacity`.
  paused text,
  paused_message text,
  paused_at timestamptz,
  -- When a paused batch is tried again.
  feed_at timestamptz default now() not null,
  -- The worker that feeds it. It only saves work: two feeders would do no harm.
  feeder text,
  feeder_until timestamptz,
  -- The sums over its lines. For a live batch they are a moment old.
  sums jsonb,
  -- Its lines are deleted: they stand in the files and in the sums.
  lines_gone boolean default false not null,
  constraint batches_pkey primary key (id),
  constraint batches_cap_period_id_fkey foreign key (cap_period_id) references budget_periods(id),
  constraint batches_residency_check check (residency = any (array['local', 'any'])),
  constraint batches_state_check check (state = any (array['validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expiring', 'expired', 'cancelling', 'cancelled']))
);
create index batches_input on batches using btree (input_file_id) where ended_at is null;
create index batches_lined on batches using btree (ended_at) where ended_at is not null and not lines_gone;
create index batches_live on batches using btree (id) where ended_at is null;
create index batches_of_key on batches using btree (key_id, id);

-- One row for each budget and period, made ahead. Holds and settlements name the row that they were
-- taken from, so a job that straddles a reset is charged once, to the period that admitted it.
create table budget_periods (
  id bigint generated always as identity not null,
  -- Null for the cap of a batch: no budget stands above it, and it is one period without end.
  budget_id bigint,
  period text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  limit_nanos bigint not null,
  settled_nanos bigint default 0 not null,
  held_nanos bigint default 0 not null,
  constraint budget_periods_pkey primary key (id),
  constraint budget_periods_budget_id_fkey foreign key (budget_id) references budgets(id),
  constraint budget_periods_budget_id_period_starts_at_key unique (budget_id, period, starts_at),
  constraint budget_periods_held_nanos_check check (held_nanos >= 0),
  constraint budget_periods_limit_nanos_check check (limit_nanos >= 0),
  constraint budget_periods_settled_nanos_check check (settled_nanos >= 0)
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000, fillfactor=50);
create trigger budget_periods_never_overspent before update on budget_periods for each row execute function refuse_overspending();

-- Limits of what a key may spend. At most one of a key is not removed.
create table budgets (
  id bigint generated always as identity not null,
  key_id text not null,
  limit_nanos bigint not null,
  period text not null,
  created_at timestamptz default now() not null,
  removed_at timestamptz,
  constraint budgets_pkey primary key (id),
  constraint budgets_key_id_fkey foreign key (key_id) references keys(id),
  constraint budgets_limit_nanos_check check (limit_nanos >= 0),
  constraint budgets_period_check check (period = any (array['day', 'week', 'month', 'total']))
);
create unique index budgets_one_per_key on budgets using btree (key_id) where removed_at is null;

-- Items of conversations, in the order of `turn` and `idx`.
create table conversation_items (
  conversation_id text not null,
  turn bigint not null,
  idx integer not null,
  id text not null,
  -- JSON as text.
  item text not null,
  created_at timestamptz default now() not null,
  constraint conversation_items_pkey primary key (conversation_id, turn, idx)
);
create index conversation_items_by_age on conversation_items using btree (created_at);
create index conversation_items_by_id on conversation_items using btree (conversation_id, id);

-- What a job adds to its conversation when it is done, beside its output. The row is written before
-- the job, which may then be refused, lost or cancelled.
create table conversation_turns (
  job_id text not null,
  conversation_id text not null,
  -- A JSON list of items as text.
  items text not null,
  created_at timestamptz default now() not null,
  -- The number of the turn, once the job is done.
  turn bigint,
  -- The response as its result has it.
  body bytea,
  compressed boolean,
  constraint conversation_turns_pkey primary key (job_id)
);
create index conversation_turns_by_age on conversation_turns using btree (created_at);
create index conversation_turns_of on conversation_turns using btree (conversation_id, turn);

-- Conversations of the Responses API.
create table conversations (
  id text not null,
  key_id text not null,
  -- JSON as text.
  metadata text not null,
  created_at timestamptz default now() not null,
  -- When its owner last changed it or wrote to it.
  touched_at timestamptz default now() not null,
  constraint conversations_pkey primary key (id)
);
create index conversations_touched on conversations using btree (touched_at);

-- Bytes of files. No chunk is over 256 KiB.
create table file_chunks (
  file_id text not null,
  -- Where its first byte is in the file. Chunks follow one another without gaps.
  start bigint not null,
  bytes bytea storage external not null,
  constraint file_chunks_pkey primary key (file_id, start)
) with (autovacuum_vacuum_scale_factor=0.02, toast.autovacuum_vacuum_scale_factor=0.02);

-- Files and parts of uploads.
create table files (
  id text not null,
  key_id text not null,
  filename text not null,
  -- Null while the file is uploaded: the form may name the purpose after the file.
  purpose text,
  -- The size so far, while the file grows.
  bytes bigint default 0 not null,
  -- `writing`: a worker appends to it. `part`: a whole part of an upload that goes on. Only
  -- processed files can be seen.
  state text not null,
  created_at timestamptz default now() not null,
  expires_at timestamptz,
  -- From then on nobody sees the file. Its bytes go soon after.
  deleted_at timestamptz,
  -- When its uploader last gave a sign of life.
  touched_at timestamptz default now() not null,
  upload_id text,
  -- The type that the upload named.
  mime_type text,
  constraint files_pkey primary key (id),
  constraint files_bytes_check check (bytes >= 0),
  constraint files_check check (state <> 'processed' or purpose is not null),
  constraint files_purpose_check check (purpose = any (array['assistants', 'batch', 'batch_output', 'evals', 'fine-tune', 'user_data', 'vision'])),
  constraint files_state_check check (state = any (array['uploading', 'writing', 'processed', 'part']))
) with (fillfactor=80);
create index files_deleted on files using btree (deleted_at) where deleted_at is not null;
create index files_expiring on files using btree (expires_at) where deleted_at is null and expires_at is not null;
create index files_of_key on files using btree (key_id, id);
create index files_of_upload on files using btree (upload_id) where upload_id is not null;
create index files_uploading on files using btree (id) where state = 'uploading';

-- Requests that came with an `Idempotency-Key`.
create table idempotency_keys (
  key_id text not null,
  path text not null,
  idem_key text not null,
  body_hash bytea not null,
  -- The job that the request made. A request that made none has `status` and `response`.
  job_id text,
  status smallint,
  response bytea,
  created_at timestamptz default now() not null,
  constraint idempotency_keys_pkey primary key (key_id, path, idem_key)
);
create index idempotency_keys_by_job on idempotency_keys using btree (job_id) where job_id is not null;
create index idempotency_keys_by_time on idempotency_keys using btree (created_at);

-- The event log of an all-in-one process. The event log of a fleet is in Redis.
create table job_events (
  job_id text not null,
  fence integer not null,
  number integer not null,
  event bytea not null,
  constraint job_events_pkey primary key (job_id, fence, number)
);

-- Requests of accepted jobs.
create table job_requests (
  job_id text not null,
  -- JSON as text, because jsonb takes no escaped NUL.
  facts text not null,
  -- It goes at the end of the job unless the job is `stored`.
  body bytea,
  compressed boolean not null,
  constraint job_requests_pkey primary key (job_id)
);

-- Results of accepted jobs.
create table job_results (
  job_id text not null,
  content_type text,
  -- A whole answer.
  body bytea,
  -- All events of a stream.
  events bytea,
  compressed boolean not null,
  -- What the caller is told of a job that was not done, as JSON.
  error text,
  constraint job_results_pkey primary key (job_id)
);
create trigger append_turn after insert on job_results for each row execute function append_turn();

-- Inference requests. The columns from `notify` to `deleted_at` matter to accepted jobs, whose
-- results the broker owes whoever is connected.
create table jobs (
  id text not null,
  key_id text not null,
  endpoint text not null,
  model text not null,
  class smallint not null,
  residency text not null,
  interactive boolean not null,
  stream boolean not null,
  -- The API process that holds the connection of an interactive job.
  owner text not null,
  state text not null,
  -- Where the job waits. Every move and re-queue raises it.
  place integer default 0 not null,
  -- The number of the last attempt. Every claim raises it.
  fence integer default 0 not null,
  -- Calls that went out; `not_sent` attempts do not count.
  tries integer default 0 not null,
  max_attempts smallint not null,
  provider text not null,
  target smallint not null,
  -- The targets of the route with their prices and worst cases, frozen at accept.
  plan jsonb not null,
  input_bound integer not null,
  output_bound integer not null,
  -- The job waits or runs as a repeated call of its provider, which counts against the retry
  -- budget.
  retrying boolean default false not null,
  hold_nanos bigint not null,
  -- The budget periods that each hold `hold_nanos`, in the order of their ids.
  period_ids bigint[] not null,
  cost_nanos bigint default 0 not null,
  cancel_reason text,
  error_code text,
  accepted_at timestamptz default now() not null,
  deadline_at timestamptz not null,
  -- When a waiting job may overflow. Null: waiting gives no right to.
  overflow_at timestamptz,
  overflow_on_failure boolean not null,
  -- When the sweeper looks next: at the deadline, or to check that the queue entry still exists.
  wake_at timestamptz not null,
  checks smallint default 0 not null,
  ended_at timestamptz,
  -- No caller waits on the connection, so a webhook tells the end of the job.
  notify boolean default false not null,
  -- The job is a stored response: its request is kept for `input_items` and for the next turn.
  stored boolean default false not null,
  -- The address that is told of the end beside the endpoints of the key.
  webhook_url text,
  -- The last attempt of which somebody has read a part. No other attempt may follow it.
  read_fence integer default 0 not null,
  -- How a response that is done ended: `completed` or `incomplete`.
  response_status text,
  -- The hash of the request, by which the automatic retry of an SDK finds the job again.
  request_hash bytea,
  -- The API process that holds the first connection of the caller, where the caller gave no key
  -- under which to come again.
  waiter text,
  -- When that connection was lost.
  lost_at timestamptz,
  -- The job was deleted by its key or by age: what was stored is gone, and nobody sees the job.
  deleted_at timestamptz,
  batch_id text,
  batch_line integer,
  -- The most output tokens that the next attempt may ask for, where the target has said that its
  -- own cap was too large. Null: the cap of the request.
  output_cap integer,
  -- How often a worker died while it ran this job. After two deaths the job is a suspect and runs
  -- alone.
  crashes smallint default 0 not null,
  constraint jobs_pkey primary key (id),
  constraint ended_jobs_hold_nothing check ((state = any (array['waiting', 'running'])) or hold_nanos = 0 and ended_at is not null),
  constraint jobs_class_check check (class >= 0 and class <= 3),
  constraint jobs_hold_nanos_check check (hold_nanos >= 0),
  constraint jobs_residency_check check (residency = any (array['local', 'any'])),
  constraint jobs_state_check check (state = any (array['waiting', 'running', 'done', 'failed', 'cancelled', 'expired']))
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.02, fillfactor=80);
create index jobs_ended on jobs using btree (ended_at) where not interactive and deleted_at is null;
create index jobs_lost on jobs using btree (lost_at) where lost_at is not null;
create index jobs_of_batch on jobs using btree (batch_id, id) where batch_id is not null and deleted_at is null;
create index jobs_of_key on jobs using btree (key_id, id) where not interactive and deleted_at is null and batch_id is null;
create index jobs_overflow on jobs using btree (overflow_at) where state = 'waiting' and overflow_at is not null;
create index jobs_retrying on jobs using btree (provider) where retrying and (state = any (array['waiting', 'running']));
create index jobs_waiter on jobs using btree (waiter) where waiter is not null;
create index jobs_waiting on jobs using btree (provider, accepted_at) where state = 'waiting';
create index jobs_wake on jobs using btree (wake_at) where state = 'waiting';
create trigger accepted_jobs_end after update of state on jobs for each row when (not new.interactive and new.ended_at is not null and old.ended_at is null) execute function record_accepted_end();

-- Callers. The key itself is never stored, only its SHA-256.
create table keys (
  id text not null,
  hash bytea not null,
  -- The key's last characters, by which a person tells keys apart.
  hint text not null,
  name text not null,
  models text[],
  residency text default 'any' not null,
  max_service_tier text default 'priority' not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz default now() not null,
  allow_webhook_url boolean default false not null,
  -- It signs what goes to a request's own `webhook_url`.
  webhook_secret text,
  constraint keys_pkey primary key (id),
  constraint keys_hash_check check (octet_length(hash) = 32),
  constraint keys_hash_key unique (hash),
  constraint keys_max_service_tier_check check (max_service_tier = any (array['priority', 'default', 'flex'])),
  constraint keys_residency_check check (residency = any (array['local', 'any']))
);

-- Closed attempts, one row each. Rows are never changed.
create table ledger (
  id bigint generated always as identity not null,
  job_id text not null,
  attempt integer not null,
  key_id text not null,
  provider text not null,
  location text not null,
  endpoint text not null,
  model text not null,
  upstream_model text not null,
  status text not null,
  error_code text,
  prompt_tokens integer default 0 not null,
  completion_tokens integer default 0 not null,
  -- Token counts are bounds, because the upstream reported none that could be true.
  estimated boolean default false not null,
  cost_nanos bigint not null,
  -- Cost beyond the hold, which the house carries instead of the key.
  overrun_nanos bigint default 0 not null,
  queue_ms integer not null,
  ttft_ms integer,
  total_ms integer not null,
  created_at timestamptz default now() not null,
  constraint ledger_pkey primary key (id),
  constraint ledger_completion_tokens_check check (completion_tokens >= 0),
  constraint ledger_cost_nanos_check check (cost_nanos >= 0),
  constraint ledger_job_id_attempt_key unique (job_id, attempt),
  constraint ledger_overrun_nanos_check check (overrun_nanos >= 0),
  constraint ledger_prompt_tokens_check check (prompt_tokens >= 0),
  constraint ledger_status_check check (status = any (array['ok', 'failed', 'cancelled', 'unknown', 'not_sent']))
);
create index ledger_by_key on ledger using btree (key_id, id);
create index ledger_by_time on ledger using brin (created_at);
create index ledger_overrun on ledger using btree (id) where overrun_nanos > 0;
create trigger ledger_append_only before delete or update or truncate on ledger for each statement execute function refuse_ledger_change();

-- API and worker processes.
create table processes (
  id text not null,
  -- The number of the advisory lock that the process holds while it lives.
  seq integer generated by default as identity not null,
  kind text not null,
  host text not null,
  pid integer not null,
  beat bigint default 0 not null,
  beat_at timestamptz default now() not null,
  started_at timestamptz default now() not null,
  -- Providers that a worker cannot reach. A provider is down when no worker of the fleet reaches
  -- it.
  unreachable text[] default '{}'[] not null,
  constraint processes_pkey primary key (id),
  constraint processes_kind_check check (kind = any (array['api', 'worker']))
);

-- Upstream endpoints. Their limits stand here, so that hosts with different files agree.
create table providers (
  id integer generated always as identity not null,
  name text not null,
  location text not null,
  slots integer not null,
  healthy boolean default true not null,
  health_changed_at timestamptz default now() not null,
  -- The provider answers but takes nothing for the moment. Until then nothing is sent there, and
  -- after that one call at a time until one is answered.
  resting_until timestamptz,
  -- The length of this rest, which doubles with each trial that fails.
  rest_ms integer,
  rest_reason text,
  -- The worker that may make the one trial call.
  tried_by text,
  tried_until timestamptz,
  -- What was found out about the engine, and which parts of the configuration do not suit it.
  -- Operators see it; no statement reads it.
  engine jsonb,
  constraint providers_pkey primary key (id),
  constraint providers_location_check check (location = any (array['local', 'cloud'])),
  constraint providers_name_key unique (name),
  constraint providers_slots_check check (slots >= 1 and slots <= 10000)
);

-- The epoch of the queue's server, as the sweepers have dealt with it.
create table queue_epoch (
  only_row boolean default true not null,
  epoch text,
  -- The new epoch that is being dealt with.
  next text,
  -- With `woken_id`, it tells how far down the order of their times jobs have been woken.
  woken_at timestamptz,
  woken_id text,
  constraint queue_epoch_pkey primary key (only_row),
  constraint queue_epoch_only_row_check check (only_row)
);

-- The last user of each slot. A name that still stands when the lock is free means an unclean end.
create table slot_holders (
  provider_id integer not null,
  slot integer not null,
  worker text,
  -- With `pid`, it lets others on the same machine see whether that process has ended.
  machine text,
  pid integer,
  constraint slot_holders_pkey primary key (provider_id, slot),
  constraint slot_holders_provider_id_fkey foreign key (provider_id) references providers(id)
);

create table spillway_functions (
  name text not null,
  hash text not null,
  release text not null,
  constraint spillway_functions_pkey primary key (name)
);

create table spillway_migrations (
  id integer default nextval('spillway_migrations_id_seq'::regclass) not null,
  name character varying(255) not null,
  run_on timestamp without time zone not null,
  constraint spillway_migrations_pkey primary key (id)
);

-- Files that come in parts. Each part is a row of `files` with an id of its own, which nobody sees.
-- Completing the upload gives the chunks of its parts to one file, in their order, uncopied.
create table uploads (
  id text not null,
  key_id text not null,
  filename text not null,
  purpose text not null,
  mime_type text not null,
  -- What the sizes of the parts must add up to.
  bytes bigint not null,
  -- Seconds from the creation of the file.
  expires_after_s integer not null,
  -- A pending upload past `expires_at` has expired.
  status text default 'pending' not null,
  created_at timestamptz default now() not null,
  expires_at timestamptz not null,
  -- Parts that came in whole, whether or not the completion will name them.
  parts integer default 0 not null,
  part_bytes bigint default 0 not null,
  -- The file that the parts became.
  file_id text,
  -- The SHA-256 of the ids of the parts that the completion named, one behind the other.
  part_ids_hash bytea,
  constraint uploads_pkey primary key (id),
  constraint uploads_bytes_check check (bytes > 0),
  constraint uploads_check check ((status = 'completed') = (file_id is not null)),
  constraint uploads_status_check check (status = any (array['pending', 'completed', 'cancelled']))
);
create index uploads_expiring on uploads using btree (expires_at);

-- Calls of deliveries. While one runs, `status`, `ms` and `error` are null.
create table webhook_attempts (
  delivery_id text not null,
  attempt integer not null,
  started_at timestamptz not null,
  status integer,
  ms integer,
  error text,
  constraint webhook_attempts_pkey primary key (delivery_id, attempt)
);

-- One event on its way to one address.
create table webhook_deliveries (
  id text not null,
  event_id text not null,
  key_id text not null,
  -- Null: the event goes to the `url` that one request named.
  endpoint_id text,
  url text,
  -- Deliveries of one lane share a small number of calls in flight. A lane is an endpoint, its
  -- tests, or the addresses of requests at one host.
  lane text not null,
  -- A test: it has one attempt and no consequence for the endpoint.
  once boolean default false not null,
  state text default 'pending' not null,
  -- The number of the last attempt, which tells a late report of an earlier attempt from one of the
  -- last.
  attempts integer default 0 not null,
  -- Failures since the schedule began. Each redelivery begins it again.
  failures integer default 0 not null,
  -- When the next attempt is due. For one that is being sent: when its sender is given up.
  next_at timestamptz default now() not null,
  created_at timestamptz default now() not null,
  constraint webhook_deliveries_pkey primary key (id),
  constraint webhook_deliveries_check check ((endpoint_id is null) <> (url is null)),
  constraint webhook_deliveries_state_check check (state = any (array['pending', 'sending', 'delivered', 'dead', 'cancelled']))
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.02);
create index webhook_deliveries_due on webhook_deliveries using btree (next_at) where state = any (array['pending', 'sending']);
create index webhook_deliveries_due_in_lane on webhook_deliveries using btree (lane, next_at) where state = any (array['pending', 'sending']);
create index webhook_deliveries_of_event on webhook_deliveries using btree (event_id);
create index webhook_deliveries_of_lane on webhook_deliveries using btree (lane, id);
create index webhook_deliveries_sending on webhook_deliveries using btree (lane) where state = 'sending';

-- Addresses that a key registered for its events.
create table webhook_endpoints (
  id text not null,
  key_id text not null,
  name text not null,
  url text not null,
  event_types text[] not null,
  secret text not null,
  -- It signs beside the new secret until `old_secret_until`.
  old_secret text,
  old_secret_until timestamptz,
  enabled boolean default true not null,
  -- `gone` (the endpoint answered 410), `failing` or `owner`.
  disabled_reason text,
  disabled_at timestamptz,
  -- The time since which the endpoint has only failed.
  failing_since timestamptz,
  created_at timestamptz default now() not null,
  updated_at timestamptz default now() not null,
  constraint webhook_endpoints_pkey primary key (id),
  constraint webhook_endpoints_check check (enabled = (disabled_at is null) and enabled = (disabled_reason is null)),
  constraint webhook_endpoints_event_types_check check (cardinality(event_types) > 0)
);
create index webhook_endpoints_of_key on webhook_endpoints using btree (key_id, id);

-- The outbox: events that somebody listens to.
create table webhook_events (
  id text not null,
  key_id text not null,
  type text not null,
  -- The response, batch or job of the event.
  object_id text not null,
  created_at timestamptz default now() not null,
  constraint webhook_events_pkey primary key (id)
);
create index webhook_events_by_time on webhook_events using btree (created_at);

-- The worker that waits for more of a provider's slots than its share, one at a time. Until it has
-- them or is gone, the others share the rest. This is a hint: only the locks of the slots count.
create table wide_slot_waits (
  provider_id integer not null,
  worker text not null,
  slots integer not null,
  constraint wide_slot_waits_pkey primary key (provider_id),
  constraint wide_slot_waits_provider_id_fkey foreign key (provider_id) references providers(id),
  constraint wide_slot_waits_slots_check check (slots > 0)
);

-- One number for everything that comes at once: the items of a request, or the input and output of
-- a response.
create sequence conversation_turn_numbers;
