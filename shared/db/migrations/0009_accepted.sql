-- Up Migration

-- Accepted jobs: the broker owes their results, whoever is connected. Interactive ones leave all of
-- this null.
alter table jobs
  -- The caller does not wait on the connection: its end is told by webhook.
  add column notify boolean not null default false,
  -- A stored response: its request is kept for `input_items` and for the next turn.
  add column stored boolean not null default false,
  -- Told of the end beside the key's endpoints.
  add column webhook_url text,
  -- The last attempt of which somebody has read a part: no other attempt may follow it.
  add column read_fence integer not null default 0,
  -- How a response that is done ended: completed | incomplete.
  add column response_status text,
  -- Of the SDK's automatic retries: what was asked, which API process holds the connection, and
  -- since when that is lost.
  add column request_hash bytea,
  add column waiter text,
  add column lost_at timestamptz,
  -- Deleted by its key or by age: what was stored is gone, and the job is shown to nobody.
  add column deleted_at timestamptz;
create index jobs_of_key on jobs (key_id, id) where not interactive and deleted_at is null;
create index jobs_ended on jobs (ended_at) where not interactive and deleted_at is null;
create index jobs_lost on jobs (lost_at) where lost_at is not null;
create index jobs_waiter on jobs (waiter) where request_hash is not null;

-- `facts` is JSON as text: jsonb takes no escaped NUL.
create table job_requests (
  job_id text primary key,
  facts text not null,
  -- Gone at the job's end unless the job is `stored`.
  body bytea,
  compressed boolean not null
);

create table job_results (
  job_id text primary key,
  content_type text,
  -- A whole answer.
  body bytea,
  -- A stream's events, all of them.
  events bytea,
  compressed boolean not null,
  -- What the caller is told of a job that did not get done, as JSON.
  error text
);

create table idempotency_keys (
  key_id text not null,
  path text not null,
  idem_key text not null,
  body_hash bytea not null,
  -- The job that it made; or the answer of a request that made none.
  job_id text,
  status smallint,
  response bytea,
  created_at timestamptz not null default now(),
  primary key (key_id, path, idem_key)
);
create index idempotency_keys_by_job on idempotency_keys (job_id) where job_id is not null;
create index idempotency_keys_by_time on idempotency_keys (created_at);

-- The event log of an all-in-one process; a fleet's is in Redis.
create table job_events (
  job_id text not null,
  fence integer not null,
  number integer not null,
  event bytea not null,
  primary key (job_id, fence, number)
);

alter table keys
  add column allow_webhook_url boolean not null default false,
  -- Signs what goes to a request's own `webhook_url`.
  add column webhook_secret text;

-- Whatever statement ends an accepted job also drops what is no longer needed and writes the outbox.
create function note_accepted_end() returns trigger language plpgsql as $$
declare
  outcome text := case new.state when 'done' then 'completed' else new.state end;
  is_response boolean := new.endpoint = 'responses';
begin
  if not new.stored then
    update job_requests set body = null where job_id = new.id;
  end if;
  if new.deleted_at is not null then
    -- What its attempt said after the deletion.
    delete from job_events where job_id = new.id;
  end if;
  if new.notify and new.deleted_at is null then
    perform emit_event(new.key_id, 'job.' || outcome, new.id,
      case when not is_response then new.webhook_url end);
    if is_response then
      perform emit_event(new.key_id,
        'response.' || case new.state when 'done' then coalesce(new.response_status, 'completed')
          when 'expired' then 'failed' else new.state end,
        'resp_' || substr(new.id, 5), new.webhook_url);
    end if;
  end if;
  return null;
end $$;
create trigger accepted_jobs_end after update of state on jobs for each row
  when (not new.interactive and new.ended_at is not null and old.ended_at is null)
  execute function note_accepted_end();

-- A reader is about to show a part of an attempt's answer; true: it may. Then no other attempt of
-- the job may follow, or its readers would see two answers as one.
create function read_attempt(of_job text, of_fence integer) returns boolean language sql as $$
  with marked as (
    update jobs set read_fence = of_fence
    where id = of_job and fence = of_fence and read_fence <> of_fence and state = 'running'
    returning 1
  )
  select exists (select from marked) or exists (
    select from jobs where id = of_job and fence = of_fence
      and (read_fence = of_fence or state not in ('waiting', 'running')))
$$;

-- Deletes what is stored of a key's accepted job, and asks it to end. Verdicts: deleted (with the
-- worker that must stop, if it runs) | gone.
create function delete_job(of_key text, of_job text) returns table (verdict text, worker text)
language plpgsql as $$
declare
  j jobs;
begin
  perform lock_jobs(array[of_job]);
  select * into j from jobs
  where id = of_job and key_id = of_key and not interactive and deleted_at is null;
  if j.id is null then
    return query select 'gone', null::text;
    return;
  end if;
  update jobs set deleted_at = now(), cancel_reason = coalesce(cancel_reason, 'deleted')
  where id = of_job;
  if j.state = 'waiting' then
    perform end_job(j, j.hold_nanos, 'cancelled', 'deleted', 0, 0);
  end if;
  delete from job_requests where job_id = of_job;
  delete from job_results where job_id = of_job;
  delete from job_events where job_id = of_job;
  delete from idempotency_keys where job_id = of_job;
  return query select 'deleted', (select a.worker from attempts a where a.job_id = of_job);
end $$;

-- Drops a page of what is kept no longer. Returns how many jobs and keys went.
create function forget_accepted(retention_ms double precision, page integer) returns integer
language plpgsql as $$
declare
  old text[];
  keys_gone integer;
begin
  old := array(
    select id from jobs
    where not interactive and deleted_at is null
      and ended_at < now() - retention_ms * interval '1 ms'
    order by ended_at limit page for update skip locked);
  update jobs set deleted_at = now() where id = any (old);
  delete from job_requests where job_id = any (old);
  delete from job_results where job_id = any (old);
  delete from job_events where job_id = any (old);
  with gone as (
    delete from idempotency_keys where (key_id, path, idem_key) in (
      select key_id, path, idem_key from idempotency_keys
      where created_at < now() - interval '24 h' order by created_at limit page
      for update skip locked)
    returning 1
  )
  select count(*) into keys_gone from gone;
  return cardinality(old) + keys_gone;
end $$;

-- The connection of a job whose caller's SDK may come again is lost; also those of a process.
create function note_lost(of_job text, of_waiter text) returns void language sql as $$
  update jobs set lost_at = now()
  where id in (
    select id from jobs
    where waiter = of_waiter and request_hash is not null and lost_at is null
      and id = coalesce(of_job, id) and coalesce(ended_at > now() - interval '1 min', true)
    order by id for update)
$$;

-- Gives a lost job to the retry of its caller, once. Null: there is none.
create function attach_lost(of_key text, of_hash bytea, by_waiter text, within_ms integer)
returns text language sql as $$
  update jobs set lost_at = null, waiter = by_waiter
  where id = (
    select id from jobs
    where lost_at > now() - within_ms * interval '1 ms' and key_id = of_key
      and request_hash = of_hash and deleted_at is null
      and state in ('waiting', 'running', 'done') and cancel_reason is null
    order by accepted_at limit 1 for update skip locked)
  returning id
$$;

-- Ends waiting accepted jobs past their deadlines; for API processes, should no worker be there.
create function expire_accepted(page integer) returns setof text language plpgsql as $$
declare
  late text[];
begin
  late := array(
    select id from jobs
    where state = 'waiting' and wake_at <= now() and deadline_at <= now() and not interactive
    order by wake_at limit page for update skip locked);
  perform lock_jobs(late);
  return query
    select j.id from jobs j, end_job(j, j.hold_nanos, 'expired', 'deadline', 0, 0)
    where j.id = any (late) and j.state = 'waiting' and j.deadline_at <= now();
end $$;

-- Down Migration
