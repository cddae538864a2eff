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
  estimated boolean not null default false,
  cost_nanos bigint not null check (cost_nanos >= 0),
  overrun_nanos bigint not null default 0 check (overrun_nanos >= 0),
  queue_ms integer not null,
  ttft_ms integer,
  total_ms integer not null,
  created_at timestamptz not null default now(),
  unique (job_id, attempt)
);
create index ledger_by_key on ledger (key_id, id);
-- Rows come in the order of time, so a summary of blocks finds a day.
create index ledger_by_time on ledger using brin (created_at);
create index ledger_overrun on ledger (id) where overrun_nanos > 0;
