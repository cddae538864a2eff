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

drop function accept_jobs(jsonb);
-- Admits jobs with their holds, first-fit in arrival order; a refused member takes nothing and
-- leaves no row. Members are idempotent by job id: one sent again reads `already`. With `idem`, the
-- key's first member makes the job, and the others are told of it; a refused one frees the key.
-- Verdicts: accepted | already | budget (with what is left, of how much, until when) | key |
-- attached (to `other_job`) | mismatch (the key stands for another request).
create function accept_jobs(members jsonb)
returns table (
  job_id text, verdict text, free_nanos bigint, limit_nanos bigint, resets_at timestamptz,
  other_job text
) language plpgsql as $$
#variable_conflict use_column
declare
  m record;
  wanted text[];          -- period ids of each member, as array literals
  locked bigint[];
  free bigint[];
  taken bigint[];
  admitted bigint[] := '{}';
  admitted_periods text[] := '{}';
  mine bigint[];
  tight bigint;
  at integer;
  refused text[] := '{}';
  refusals jsonb := '{}';
begin
  -- First, so that whoever waits for another's key holds no budget meanwhile.
  insert into idempotency_keys (key_id, path, idem_key, body_hash, job_id)
  select distinct on (1, 2, 3) t.m ->> 'key', t.m -> 'idem' ->> 'path', t.m -> 'idem' ->> 'key',
    decode(t.m -> 'idem' ->> 'hash', 'hex'), t.m ->> 'id'
  from jsonb_array_elements(members) with ordinality as t(m, ord)
  where t.m -> 'idem' ->> 'key' is not null
  order by 1, 2, 3, t.ord
  on conflict (key_id, path, idem_key) do update
    set body_hash = excluded.body_hash, job_id = excluded.job_id, status = null, response = null,
      created_at = now()
    where idempotency_keys.created_at < now() - interval '24 h';

  if exists (
    select from (select distinct t.m ->> 'key' as key from jsonb_array_elements(members) as t(m)) k
    join budgets b on b.key_id = k.key and b.removed_at is null
    where current_periods(k.key) = '{}'
  ) then
    perform open_budget_periods();
  end if;

  select array_agg(current_periods(t.m ->> 'key')::text order by t.ord) into wanted
  from jsonb_array_elements(members) with ordinality as t(m, ord);

  with rows as (
    select p.id, p.limit_nanos - p.settled_nanos - p.held_nanos as free
    from budget_periods p
    where p.id in (select unnest(w::bigint[]) from unnest(wanted) as w)
    order by p.id
    for update
  )
  select coalesce(array_agg(id order by id), '{}'), coalesce(array_agg(free order by id), '{}')
  into locked, free from rows;
  taken := array_fill(0::bigint, array[cardinality(locked)]);

  -- Read after the lock: a copy of this group that ran meanwhile is seen here.
  for m in
    select t.ord, t.m ->> 'id' as id, (t.m ->> 'hold')::bigint as hold, j.id is not null as known,
      k.id is not null and k.revoked_at is null and coalesce(k.expires_at > now(), true) as usable,
      i.job_id as keyed, i.body_hash = decode(t.m -> 'idem' ->> 'hash', 'hex') as same
    from jsonb_array_elements(members) with ordinality as t(m, ord)
    left join jobs j on j.id = t.m ->> 'id'
    left join keys k on k.id = t.m ->> 'key'
    left join idempotency_keys i on i.key_id = t.m ->> 'key'
      and i.path = t.m -> 'idem' ->> 'path' and i.idem_key = t.m -> 'idem' ->> 'key'
    order by t.ord
  loop
    job_id := m.id;
    free_nanos := null;
    limit_nanos := null;
    resets_at := null;
    other_job := null;
    if m.known then
      verdict := 'already';
    elsif not m.usable then
      verdict := 'key';
      refused := refused || m.id;
    elsif m.same is false or (m.same and m.keyed is null) then
      verdict := 'mismatch';
    elsif m.keyed <> m.id and refusals ? m.keyed then
      -- The first of them is in this group, and was refused.
      verdict := 'budget';
      free_nanos := refusals -> m.keyed ->> 'free';
      limit_nanos := refusals -> m.keyed ->> 'limit';
      resets_at := refusals -> m.keyed ->> 'resets';
    elsif m.keyed <> m.id then
      verdict := 'attached';
      other_job := m.keyed;
    else
      mine := wanted[m.ord]::bigint[];
      tight := null;
      for at in 1 .. cardinality(mine) loop
        if free[array_position(locked, mine[at])] < m.hold then
          tight := mine[at];
        end if;
      end loop;
      if tight is null then
        verdict := 'accepted';
        for at in 1 .. cardinality(mine) loop
          free[array_position(locked, mine[at])] := free[array_position(locked, mine[at])] - m.hold;
          taken[array_position(locked, mine[at])] := taken[array_position(locked, mine[at])] + m.hold;
        end loop;
        admitted := admitted || m.ord;
        admitted_periods := admitted_periods || wanted[m.ord];
      else
        verdict := 'budget';
        free_nanos := free[array_position(locked, tight)];
        select p.limit_nanos, nullif(p.ends_at, 'infinity') into limit_nanos, resets_at
        from budget_periods p where p.id = tight;
        refused := refused || m.id;
        refusals := refusals || jsonb_build_object(m.id, jsonb_build_object(
          'free', free_nanos, 'limit', limit_nanos, 'resets', resets_at));
      end if;
    end if;
    return next;
  end loop;

  delete from idempotency_keys i where i.job_id = any (refused);

  update budget_periods p set held_nanos = held_nanos + t.nanos
  from unnest(locked, taken) as t(id, nanos)
  where p.id = t.id and t.nanos > 0;

  insert into jobs (id, key_id, endpoint, model, class, residency, interactive, stream, owner,
    state, provider, target, plan, input_bound, output_bound,
    max_attempts, hold_nanos, period_ids, deadline_at, overflow_at, overflow_on_failure, wake_at,
    notify, stored, webhook_url, request_hash, waiter)
  select r.id, r.key, r.endpoint, r.model, r.class, r.residency, r.interactive, r.stream, r.owner,
    'waiting', r.plan -> r.target ->> 'provider', r.target, r.plan, r.input_bound, r.output_bound,
    r.max_attempts, r.hold, a.periods::bigint[],
    now() + r.deadline_ms * interval '1 ms', now() + r.overflow_ms * interval '1 ms',
    r.overflow_on_failure,
    now() + least(r.deadline_ms, r.check_ms) * interval '1 ms',
    coalesce(r.notify, false), coalesce(r.stored, false), r.webhook_url,
    decode(r.request_hash, 'hex'), r.waiter
  from unnest(admitted, admitted_periods) as a(ord, periods)
  join jsonb_array_elements(members) with ordinality as t(m, ord) on t.ord = a.ord
  cross join lateral jsonb_to_record(t.m) as r(id text, key text, endpoint text, model text,
    class smallint, residency text, interactive boolean, stream boolean, owner text,
    target smallint, plan jsonb, input_bound integer, output_bound integer,
    max_attempts smallint, hold bigint,
    deadline_ms double precision, overflow_ms double precision, overflow_on_failure boolean,
    check_ms double precision, notify boolean, stored boolean, webhook_url text,
    request_hash text, waiter text)
  on conflict (id) do nothing;

  insert into job_requests (job_id, facts, body, compressed)
  select t.m ->> 'id', t.m -> 'request' ->> 'facts', decode(t.m -> 'request' ->> 'body', 'base64'),
    (t.m -> 'request' ->> 'compressed')::boolean
  from unnest(admitted) as a(ord)
  join jsonb_array_elements(members) with ordinality as t(m, ord) on t.ord = a.ord
  where t.m -> 'request' ->> 'facts' is not null;
end $$;

drop function claim_jobs(jsonb);
-- Gives waiting jobs to workers: fence + 1 and an attempt row, committed before anyone dials.
-- Only if place and provider still match, time is left, nobody asked to stop, the key stands, and
-- the provider's location is allowed (I5, the second check). Idempotent by nonce. An accepted job
-- comes with its stored request.
-- Verdicts: claimed | late | stopped | residency | gone.
create function claim_jobs(members jsonb)
returns table (
  nonce text, verdict text, fence integer, target smallint, tries integer,
  max_attempts smallint, plan jsonb,
  input_bound integer, output_bound integer, queue_ms integer, remaining_ms double precision,
  overflow_on_failure boolean, residency text, model text, key_id text, tried text[],
  facts text, body bytea, compressed boolean
) language plpgsql as $$
#variable_conflict use_column
begin
  perform 1 from jobs j
  where j.id in (select t.m ->> 'job' from jsonb_array_elements(members) as t(m))
  order by j.id for update;

  with m as (
    select * from jsonb_to_recordset(members)
      as r(job text, place integer, provider text, nonce text, worker text)
  ), claimed as (
    update jobs j set state = 'running', fence = j.fence + 1
    from m
    join providers p on p.name = m.provider
    where j.id = m.job and j.state = 'waiting' and j.place = m.place and j.provider = m.provider
      and j.deadline_at > now() and j.cancel_reason is null
      and (j.residency = 'any' or p.location = 'local')
      and exists (select from keys k where k.id = j.key_id and k.revoked_at is null)
    returning j.id, j.fence, j.target, j.provider, j.accepted_at, m.nonce, m.worker
  )
  insert into attempts (job_id, fence, nonce, worker, provider, target, queue_ms)
  select c.id, c.fence, c.nonce, c.worker, c.provider, c.target,
    greatest(0, extract(epoch from clock_timestamp() - c.accepted_at) * 1000)::integer
  from claimed c;

  return query
  select m.nonce,
    case
      when a.job_id is not null then 'claimed'
      when j.id is null or j.state <> 'waiting' or j.place <> m.place or j.provider <> m.provider
        then 'gone'
      when j.deadline_at <= now() then 'late'
      when j.residency <> 'any' and p.location is distinct from 'local' then 'residency'
      when p.id is null then 'gone'
      else 'stopped'
    end,
    a.fence, a.target, j.tries, j.max_attempts, j.plan, j.input_bound, j.output_bound, a.queue_ms,
    (extract(epoch from j.deadline_at - clock_timestamp()) * 1000)::double precision,
    j.overflow_on_failure, j.residency, j.model, j.key_id,
    -- Providers that this job has been at before.
    case when a.fence > 1
      then array(select distinct l.provider from ledger l where l.job_id = j.id) else '{}' end,
    r.facts, r.body, r.compressed
  from jsonb_to_recordset(members)
    as m(job text, place integer, provider text, nonce text, worker text)
  left join jobs j on j.id = m.job
  left join attempts a on a.job_id = m.job and a.nonce = m.nonce
  left join providers p on p.name = m.provider
  left join job_requests r on r.job_id = a.job_id;
end $$;

-- Ends jobs with their attempts: ledger rows, job states, budgets, in one statement. The open
-- attempt row is the compare-and-set: who deletes it, settles; everyone else reads what stands.
-- Charged is at most the hold; the rest is the house's overrun. Members: job, fence, status,
-- state, error_code, prompt_tokens, completion_tokens, estimated, cost, ttft_ms, total_ms,
-- response_status?, result? (of an accepted job: content_type, body, events, compressed, error).
-- Verdicts: settled | already (this fence has its ledger row) | lost.
create or replace function settle_attempts(members jsonb)
returns table (
  job_id text, fence integer, verdict text, state text, ledger_status text, cost_nanos bigint,
  overrun_nanos bigint
) language plpgsql as $$
#variable_conflict use_column
declare
  settled text[];
begin
  perform lock_jobs(array(select t.m ->> 'job' from jsonb_array_elements(members) as t(m)));

  with m as (
    select * from jsonb_to_recordset(members) as r(job text, fence integer, status text, state text,
      error_code text, prompt_tokens integer, completion_tokens integer, estimated boolean,
      cost bigint, ttft_ms integer, total_ms integer, response_status text)
  ), closed as (
    delete from attempts a using m where a.job_id = m.job and a.fence = m.fence returning a.*
  ), posted as (
    select c.job_id, c.fence, c.provider, c.target, c.queue_ms, j.hold_nanos, j.period_ids,
      case when j.period_ids = '{}' then m.cost else least(m.cost, j.hold_nanos) end as charge,
      m.status, m.state, m.error_code, m.prompt_tokens, m.completion_tokens, m.estimated, m.cost,
      m.ttft_ms, m.total_ms, m.response_status, j.key_id, j.endpoint, j.model, j.plan
    from closed c
    join m on m.job = c.job_id and m.fence = c.fence
    join jobs j on j.id = c.job_id
  ), written as (
    insert into ledger (job_id, attempt, key_id, provider, location, endpoint, model,
      upstream_model, status, error_code, prompt_tokens, completion_tokens, estimated, cost_nanos,
      overrun_nanos, queue_ms, ttft_ms, total_ms)
    select p.job_id, p.fence, p.key_id, p.provider, p.plan -> p.target::integer ->> 'location',
      p.endpoint, p.model, p.plan -> p.target::integer ->> 'model', p.status, p.error_code,
      p.prompt_tokens, p.completion_tokens, p.estimated, p.charge, p.cost - p.charge, p.queue_ms,
      p.ttft_ms, p.total_ms
    from posted p
  ), ended as (
    update jobs j set state = p.state, error_code = p.error_code, ended_at = now(), hold_nanos = 0,
      retrying = false, cost_nanos = j.cost_nanos + p.charge, response_status = p.response_status,
      tries = j.tries + (p.status <> 'not_sent')::integer
    from posted p where j.id = p.job_id
  ), budgeted as (
    update budget_periods b set held_nanos = b.held_nanos - d.hold,
      settled_nanos = b.settled_nanos + d.charge
    from (
      select period, sum(p.hold_nanos) as hold, sum(p.charge) as charge
      from posted p, unnest(p.period_ids) as period group by period
    ) as d
    where b.id = d.period
  )
  select coalesce(array_agg(c.job_id || '.' || c.fence), '{}') into settled from closed c;

  insert into job_results (job_id, content_type, body, events, compressed, error)
  select j.id, r.content_type, decode(r.body, 'base64'), decode(r.events, 'base64'), r.compressed,
    r.error
  from jsonb_to_recordset(members) as m(job text, fence integer, result jsonb)
  cross join lateral jsonb_to_record(m.result)
    as r(content_type text, body text, events text, compressed boolean, error text)
  join jobs j on j.id = m.job
  where m.job || '.' || m.fence = any (settled) and not j.interactive and j.deleted_at is null;

  return query
  select m.job, m.fence,
    case
      when m.job || '.' || m.fence = any (settled) then 'settled'
      when l.id is not null then 'already'
      else 'lost'
    end,
    j.state, l.status, j.cost_nanos, l.overrun_nanos
  from jsonb_to_recordset(members) as m(job text, fence integer)
  left join jobs j on j.id = m.job
  left join ledger l on l.job_id = m.job and l.attempt = m.fence;
end $$;

-- Moves jobs to another target, or back to the same one: raises the place, posts what the failed
-- attempt cost and holds the next target's worst case in one compare-and-set. With `fence`, the
-- open attempt of that fence is closed; without, the job must still wait at `place`.
-- Members: job, place, fence?, target, delay_ms, check_ms, excused?, and settle's fields of the
-- attempt. What is `excused` is the broker's own fault and no retry in the sense of I9.
-- Verdicts: moved | no_retry and refused (it stays where it is; also when somebody has read a part of
-- the attempt's answer) | budget and ended (the job has
-- ended, see state) | gone.
create or replace function move_jobs(members jsonb)
returns table (job_id text, verdict text, state text, place integer, provider text, owner text)
language plpgsql as $$
#variable_conflict use_column
declare
  m jsonb;
  j jobs;
  a attempts;
  there providers;
  next_hold bigint;
  left_hold bigint;
  charge bigint;
  tried integer;
  again boolean;
begin
  perform lock_jobs(array(select t.m ->> 'job' from jsonb_array_elements(members) as t(m)));
  perform 1 from providers where name in (
    select j.plan -> (t.m ->> 'target')::integer ->> 'provider'
    from jsonb_array_elements(members) as t(m) join jobs j on j.id = t.m ->> 'job'
  ) order by id for update;

  for m in select t.m from jsonb_array_elements(members) with ordinality as t(m, ord) order by t.ord
  loop
    a := null;
    select * into j from jobs where id = m ->> 'job';
    select * into there from providers
    where name = j.plan -> (m ->> 'target')::integer ->> 'provider';
    job_id := m ->> 'job';
    state := j.state; place := j.place; provider := j.provider; owner := j.owner;

    if m ->> 'fence' is not null then
      select * into a from attempts where job_id = j.id and fence = (m ->> 'fence')::integer;
      if a.job_id is null then
        -- Closed before. If the job waits at this fence, this very move has happened.
        verdict := case when j.state = 'waiting' and j.fence = (m ->> 'fence')::integer
          and j.target = (m ->> 'target')::smallint then 'moved' else 'gone' end;
        return next;
        continue;
      end if;
    elsif j.id is null or j.state <> 'waiting' or j.place <> (m ->> 'place')::integer then
      verdict := case when j.state = 'waiting' and j.place = (m ->> 'place')::integer + 1
        and j.target = (m ->> 'target')::smallint then 'moved' else 'gone' end;
      return next;
      continue;
    end if;

    if there.id is null or (j.residency = 'local' and there.location <> 'local')
       or (a.fence = j.read_fence and j.cancel_reason is null and j.deadline_at > now()) then
      verdict := 'refused';
      return next;
      continue;
    end if;

    tried := coalesce((a.job_id is not null and m ->> 'status' <> 'not_sent')::integer, 0);
    if coalesce((m ->> 'excused')::boolean, false) then
      again := false;
    else
      again := (tried = 1 and a.provider = there.name) or exists (
        select from ledger l
        where l.job_id = j.id and l.provider = there.name and l.status <> 'not_sent');
    end if;
    if again and j.cancel_reason is null and j.deadline_at > now()
       and not retry_allowed(there.name, j.id) then
      verdict := 'no_retry';
      return next;
      continue;
    end if;

    charge := 0;
    if a.job_id is not null then
      charge := post_attempt(j, a, m);
      delete from attempts where job_id = a.job_id and fence = a.fence;
    end if;
    left_hold := j.hold_nanos - case when j.period_ids = '{}' then 0 else charge end;
    next_hold := (j.plan -> (m ->> 'target')::integer ->> 'holdNanos')::bigint;

    if j.cancel_reason is not null or j.deadline_at <= now() then
      verdict := 'ended';
      state := case when coalesce(j.cancel_reason, 'deadline') in ('deadline', 'sync_wait')
        then 'expired' else 'cancelled' end;
      perform end_job(j, left_hold, state, coalesce(j.cancel_reason, 'deadline'), charge, tried);
    elsif exists (
      select from budget_periods p where p.id = any (j.period_ids)
        and p.settled_nanos + p.held_nanos - left_hold + next_hold > p.limit_nanos
        -- A limit lowered meanwhile stops only moves that would hold more.
        and next_hold > left_hold
    ) then
      if a.job_id is null
         and exists (select from providers p where p.name = j.provider and p.healthy) then
        -- It only waited long, and where it waits it can be paid for: it stays, and asks later.
        update jobs set overflow_at = now() + interval '5 s' where id = j.id;
        verdict := 'refused';
        return next;
        continue;
      end if;
      verdict := 'budget';
      state := 'failed';
      perform end_job(j, left_hold, state, 'insufficient_quota', charge, tried);
    else
      update budget_periods set held_nanos = held_nanos - left_hold + next_hold
      where id = any (j.period_ids) and left_hold <> next_hold;
      update jobs set state = 'waiting', place = j.place + 1, provider = there.name,
        target = (m ->> 'target')::smallint, hold_nanos = next_hold, retrying = again,
        tries = j.tries + tried, cost_nanos = j.cost_nanos + charge, checks = 0,
        overflow_at = case when j.plan -> (m ->> 'target')::integer ->> 'role' = 'overflow'
          then null else j.overflow_at end,
        wake_at = least(j.deadline_at, now()
          + ((m ->> 'delay_ms')::double precision + (m ->> 'check_ms')::double precision)
            * interval '1 ms')
      where id = j.id;
      verdict := 'moved';
      state := 'waiting';
      place := j.place + 1;
      provider := there.name;
    end if;
    return next;
  end loop;
end $$;

-- Closes attempts that their worker does not run (a dead one runs none) as `unknown`, at no cost,
-- and puts their jobs back to wait at a new place; the owner decides whether such a job may run again
-- (no byte forwarded) or must fail; of an accepted job, whether a part of the answer has been read. One
-- that has used up its attempts ends here: it may be what kills workers.
create or replace function close_lost_attempts(of_worker text, running text[], min_age_ms integer, page integer)
returns table (job_id text, state text, owner text, provider text, place integer)
language plpgsql as $$
#variable_conflict use_column
declare
  ids text[];
  a attempts;
  j jobs;
begin
  ids := array(select a.job_id from attempts a
    where a.worker = of_worker and a.job_id <> all (running)
      and a.started_at <= clock_timestamp() - min_age_ms * interval '1 ms'
    order by a.job_id limit page);
  perform lock_jobs(ids);
  -- Read again: closed and claimed anew while the locks were waited for, it is too young.
  for a in delete from attempts x where x.worker = of_worker and x.job_id = any (ids)
    and x.started_at <= clock_timestamp() - min_age_ms * interval '1 ms' returning x.*
  loop
    select * into j from jobs where id = a.job_id;
    perform post_attempt(j, a, '{"status": "unknown", "error_code": "worker_lost"}');
    if j.tries + 1 >= j.max_attempts or a.fence = j.read_fence then
      state := 'failed';
      perform end_job(j, j.hold_nanos, state, 'answer_lost', 0, 1);
    else
      state := 'waiting';
      update jobs set state = 'waiting', place = j.place + 1, tries = j.tries + 1,
        wake_at = least(j.deadline_at, now() + interval '2 s'), checks = 0
      where id = j.id;
    end if;
    job_id := j.id; owner := j.owner; provider := j.provider; place := j.place + 1;
    return next;
  end loop;
end $$;

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
