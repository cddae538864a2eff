create table job_requests (
  job_id text primary key,
  facts text not null,
  body bytea,
  compressed boolean not null
);

create table job_results (
  job_id text primary key,
  content_type text,
  body bytea,
  events bytea,
  compressed boolean not null,
  error text
);

create table job_events (
  job_id text not null,
  fence integer not null,
  number integer not null,
  event bytea not null,
  primary key (job_id, fence, number)
);

create table idempotency_keys (
  key_id text not null,
  path text not null,
  idem_key text not null,
  body_hash bytea not null,
  job_id text,
  status smallint,
  response bytea,
  created_at timestamptz not null default now(),
  primary key (key_id, path, idem_key)
);
create index idempotency_keys_by_job on idempotency_keys (job_id) where job_id is not null;
create index idempotency_keys_by_time on idempotency_keys (created_at);
