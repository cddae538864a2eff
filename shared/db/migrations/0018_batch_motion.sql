-- Up Migration

-- Nothing is to be done for it: it is tried again later, and its time is not up.
create function rests(b batches) returns boolean language sql stable as $$
  select b.state = 'in_progress' and b.paused is not null and b.feed_at > now()
    and b.deadline_at > now()
$$;

-- The next live batches that this worker is to feed: those that nobody feeds, or no more. Pages follow
-- one another, so that whoever has many batches keeps nobody else from a turn.
create function claim_batches(of_worker text, after_id text, page integer) returns setof batches
language plpgsql as $$
begin
  update batches set feeder = of_worker, feeder_until = now() + interval '3 s'
  where id = any (array(
    select id from batches b
    where ended_at is null and id > after_id and not rests(b)
      and (feeder is null or feeder_until < now()
        or (feeder = of_worker and feeder_until < now() + interval '1.5 s'))
    order by id limit page for update skip locked));
  return query
    select * from batches b
    where ended_at is null and id > after_id and not rests(b)
      and feeder = of_worker and feeder_until > now()
    order by id limit page;
end $$;

-- Moves a batch on when its time is up or all its lines have ended, and ends, a page at a time, what
-- has not begun of one that is to end. Returns its state.
create function turn_batch(of_batch text, page integer) returns text language plpgsql as $$
declare
  b batches;
begin
  update batches set state = 'expiring', finalizing_at = now(), paused = null,
    paused_message = null, paused_at = null
  where id = of_batch and state in ('validating', 'in_progress') and deadline_at <= now();
  update batches set state = 'finalizing', finalizing_at = now()
  where id = of_batch and state = 'in_progress'
    and not exists (select from batch_lines where batch_id = of_batch and state = 'pending')
    and not exists (select from batch_lines where batch_id = of_batch and state = 'open');
  select * into b from batches where id = of_batch;
  if b.state in ('expiring', 'cancelling') and b.total is not null then
    update batch_lines
    set state = case b.state when 'expiring' then 'expired' else 'cancelled' end
    -- An array: a plan for a batch of which nothing is known would look for the page for each line.
    where batch_id = of_batch and line = any (array(
      select line from batch_lines where batch_id = of_batch and state = 'pending'
      order by line limit page for update skip locked));
  end if;
  return b.state;
end $$;

-- Waiting lines of a batch whose time is nearly up move to a higher class, at a new place, where they
-- are queued again.
create function promote_lines(of_batch text, to_class smallint)
returns table (job_id text, place integer, provider text, key_id text)
language plpgsql as $$
#variable_conflict use_column
declare
  ids text[];
begin
  ids := array(
    select j.id from batch_lines l join jobs j on j.id = l.job_id
    where l.batch_id = of_batch and l.state = 'open' and j.state = 'waiting' and j.class > to_class
    order by j.id for update of j skip locked);
  return query
    update jobs j set class = to_class, place = j.place + 1, checks = 0,
      wake_at = least(j.deadline_at, now() + interval '5 s')
    where j.id = any (ids) and j.state = 'waiting' and j.class > to_class
    returning j.id, j.place, j.provider, j.key_id;
end $$;

-- A line that never became a job, because its request cannot be run.
create function refuse_line(of_job text, why text) returns void language sql as $$
  update batch_lines set state = 'refused', refusal = why
  where job_id = of_job and state = 'pending'
$$;

create function append_chunks(of_file text, chunks bytea[]) returns void language plpgsql as $$
declare
  size bigint := (select coalesce(sum(octet_length(c)), 0) from unnest(chunks) as c);
  base bigint;
begin
  update files set bytes = bytes + size where id = of_file returning bytes - size into base;
  insert into file_chunks (file_id, start, bytes)
  select of_file, base + coalesce(sum(octet_length(c)) over (
    order by ord rows between unbounded preceding and 1 preceding), 0), c
  from unnest(chunks) with ordinality as t(c, ord);
end $$;

-- Appends the results of the lines after `from_line` up to `to_line` to a batch's files, once: false
-- when somebody else has done so. Usage: of each answer, its line and tokens. Lost: lines whose jobs
-- are done, and whose answers are not there any more.
create function write_batch_lines(of_batch text, from_line integer, to_line integer,
  output bytea[], errors bytea[], usage jsonb, lost integer[]) returns boolean
language plpgsql as $$
declare
  b batches;
begin
  update batches set written_line = to_line
  where id = of_batch and written_line = from_line and ended_at is null
  returning * into b;
  if b.id is null then
    return false;
  end if;
  perform append_chunks(b.output_file_id, output);
  perform append_chunks(b.error_file_id, errors);
  update batch_lines l
  set input_tokens = u.input, cached_tokens = u.cached, output_tokens = u.output,
    reasoning_tokens = u.reasoning
  from jsonb_to_recordset(usage)
    as u(line integer, input integer, cached integer, output integer, reasoning integer)
  where l.batch_id = of_batch and l.line = u.line;
  update batch_lines set state = 'failed' where batch_id = of_batch and line = any (lost);
  return true;
end $$;

-- Ends a batch whose lines have all ended and been written; its files are there from now on, and an
-- empty one is not.
create function finish_batch(of_batch text) returns boolean language plpgsql as $$
declare
  b batches;
begin
  select * into b from batches where id = of_batch for update;
  if b.state not in ('finalizing', 'expiring', 'cancelling') or b.written_line < b.total
     or (b.total is not null and exists (
       select from batch_lines where batch_id = of_batch and state in ('pending', 'open'))) then
    return false;
  end if;
  if b.total is null then
    -- Stopped while its file was read.
    delete from batch_lines where batch_id = of_batch;
  end if;
  delete from files where id in (b.output_file_id, b.error_file_id) and bytes = 0;
  update files set state = 'processed', created_at = now(),
    expires_at = now() + coalesce(b.output_expires_s, 2592000) * interval '1 s'
  where id in (b.output_file_id, b.error_file_id);
  update batches set
    output_file_id = (select id from files where id = b.output_file_id),
    error_file_id = (select id from files where id = b.error_file_id)
  where id = of_batch;
  return end_batch(of_batch, b.state,
    case b.state when 'finalizing' then 'completed' when 'expiring' then 'expired'
      else 'cancelled' end);
end $$;

-- Failures of which another time may know nothing: by the codes that workers give them.
create function passes_with_time(code text) returns boolean language sql immutable as $$
  select coalesce(code in ('connect', 'auth', 'request_timeout', 'conflict', 'rate_limited',
    'quota_exhausted', 'server_error', 'cut', 'malformed', 'first_byte_timeout', 'idle_timeout',
    'lease_lost', 'shutdown'), false)
$$;

-- Whether a provider has only failed of late: the last five of its calls, among the last calls of all.
-- They must be of two jobs or more. What a request itself was at fault for says nothing, nor do the
-- calls of the line that asks.
create function is_failing(of_provider text, but_batch text default null, but_line integer default null)
returns boolean language sql stable as $$
  select count(*) = 5 and bool_and(status = 'failed') and count(distinct job_id) > 1
  from (
    select l.job_id, l.status
    from (select id, job_id, provider, status, error_code from ledger order by id desc limit 300) as l
    left join jobs j on j.id = l.job_id and j.batch_id = but_batch and j.batch_line = but_line
    where l.provider = of_provider and l.status in ('ok', 'failed') and j.id is null
      and (l.error_code is null or passes_with_time(l.error_code))
    order by l.id desc limit 5) as last
$$;

-- 0009 anew: the end of a line's job is its line's end, with two exceptions. A job that could not be
-- paid for in the middle leaves its line to be fed again, as another job, once there is money; and so
-- does, after a while, one whose provider failed: twice, or, if that provider fails others too, for
-- hours, with ever longer pauses.
create or replace function note_accepted_end() returns trigger language plpgsql as $$
declare
  outcome text := case new.state when 'done' then 'completed' else new.state end;
  is_response boolean := new.endpoint = 'responses';
  is_unpaid boolean := new.batch_id is not null
    and new.error_code is not distinct from 'insufficient_quota'
    and exists (select from batches b where b.id = new.batch_id and b.state = 'in_progress');
  is_passing boolean := new.batch_id is not null and new.state = 'failed'
    and passes_with_time(new.error_code)
    and exists (select from batches b where b.id = new.batch_id and b.state = 'in_progress');
  is_again boolean;
  -- Then it is not the line's fault.
  is_sick boolean := is_passing and is_failing(new.provider, new.batch_id, new.batch_line);
begin
  if not new.stored then
    update job_requests set body = null where job_id = new.id;
  end if;
  if new.deleted_at is not null then
    -- What its attempt said after the deletion.
    delete from job_events where job_id = new.id;
  end if;
  if new.batch_id is not null then
    is_again := is_unpaid or (is_passing and exists (
      select from batch_lines where job_id = new.id
        and case when is_sick then tries < 16 else failures < 2 end));
    update batch_lines set cost_nanos = cost_nanos + new.cost_nanos,
      state = case when is_again then 'pending' else new.state end,
      job_id = case when is_again then new_id('job') else job_id end,
      unpaid = is_unpaid,
      tries = tries + is_passing::integer,
      failures = failures + (is_passing and not is_sick)::integer,
      feed_at = case when is_passing
        then now() + least(2 ^ (1 + tries), 3600) * (0.5 + random() / 2) * interval '1 s' end
    where job_id = new.id and state = 'open';
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

-- 0009 anew: what a live batch has not written yet stays.
create or replace function forget_accepted(retention_ms double precision, page integer)
returns integer language plpgsql as $$
declare
  old text[];
  keys_gone integer;
begin
  old := array(
    select id from jobs
    where not interactive and deleted_at is null
      and ended_at < now() - retention_ms * interval '1 ms'
      and not exists (select from batches b where b.id = jobs.batch_id and b.ended_at is null)
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

-- Removes a page of rows of files that are deleted or expired, but not while a live batch reads them.
-- Returns how many.
create function purge_files(page integer) returns integer language plpgsql as $$
declare
  of_file text;
  gone integer := 0;
begin
  perform expire_files(page);
  for of_file in
    select id from files
    where deleted_at is not null
      and not exists (select from batches b where b.input_file_id = files.id and b.ended_at is null)
    order by deleted_at limit page for update skip locked
  loop
    gone := gone + purge_file(of_file, page - gone);
    exit when gone >= page;
  end loop;
  return gone;
end $$;

-- Drops a page of lines of batches that have ended: they are in the files and summed up. Returns how
-- many rows that was, and one for each batch that has none left.
create function forget_batch_lines(page integer) returns integer language plpgsql as $$
declare
  of_batch text;
  lines integer;
  gone integer := 0;
begin
  for of_batch in
    select id from batches where not lines_gone and ended_at < now() - interval '1 h'
    order by ended_at limit page for update skip locked
  loop
    delete from batch_lines where batch_id = of_batch and line in (
      select line from batch_lines where batch_id = of_batch order by line limit page - gone);
    get diagnostics lines = row_count;
    if lines < page - gone then
      update batches set lines_gone = true where id = of_batch;
      lines := lines + 1;
    end if;
    gone := gone + lines;
    exit when gone >= page;
  end loop;
  return gone;
end $$;

-- Down Migration
