-- Admits jobs with their holds, first-fit in the order of arrival. A refused member takes nothing
-- and leaves no row. Members are idempotent by job id: a member that is sent again gets `already`.
-- With `idem`, the first member of an idempotency key makes the job, the others get the id of that
-- job, and a refused member frees the key.
-- Verdicts:
--   accepted
--   already    (the job is known)
--   budget     (with what is left, of how much, until when; `capped`: the limit is the batch's cap)
--   key        (the key is unknown, revoked or expired)
--   attached   (to `other_job`, which has the same idempotency key)
--   mismatch   (the idempotency key stands for another request)
--   line       (the job's batch line does not wait to be fed)
create or replace function accept_jobs(members jsonb)
returns table (
  job_id text, verdict text, free_nanos bigint, limit_nanos bigint, resets_at timestamptz,
  other_job text, capped boolean
) language plpgsql as $$
#variable_conflict use_column
declare
  m record;
  wanted text[];          -- period ids of each member
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
  pending text[];         -- jobs of lines to be fed
begin
  -- This comes first, so that a caller that waits for another's key holds no budget meanwhile.
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

  -- Locked lines are left out: the session that has one now feeds it or ends it.
  pending := array(
    select l.job_id from batch_lines l
    where l.job_id in (
        select t.m ->> 'id' from jsonb_array_elements(members) as t(m)
        where t.m ->> 'batch' is not null)
      and l.state = 'pending'
    for update skip locked);

  select array_agg(
    case when b.cap_period_id is null then current_periods(t.m ->> 'key')::text
      else (select array_agg(p order by p) from unnest(
        current_periods(t.m ->> 'key') || b.cap_period_id) as p)::text end
    order by t.ord) into wanted
  from jsonb_array_elements(members) with ordinality as t(m, ord)
  left join batches b on b.id = t.m ->> 'batch';

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

  -- This is read after the locks are taken, so it sees a copy of this group that ran meanwhile.
  for m in
    select t.ord, t.m ->> 'id' as id, (t.m ->> 'hold')::bigint as hold, j.id is not null as known,
      k.id is not null and k.revoked_at is null and coalesce(k.expires_at > now(), true) as usable,
      b.id as batch, b.cap_period_id as cap, i.job_id as keyed,
      i.body_hash = decode(t.m -> 'idem' ->> 'hash', 'hex') as same
    from jsonb_array_elements(members) with ordinality as t(m, ord)
    left join jobs j on j.id = t.m ->> 'id'
    left join keys k on k.id = t.m ->> 'key'
    left join batches b on b.id = t.m ->> 'batch'
    left join idempotency_keys i on i.key_id = t.m ->> 'key'
      and i.path = t.m -> 'idem' ->> 'path' and i.idem_key = t.m -> 'idem' ->> 'key'
    order by t.ord
  loop
    job_id := m.id;
    free_nanos := null;
    limit_nanos := null;
    resets_at := null;
    other_job := null;
    capped := false;
    if m.known then
      verdict := 'already';
    elsif not m.usable then
      verdict := 'key';
      refused := refused || m.id;
    elsif m.batch is not null and m.id <> all (pending) then
      verdict := 'line';
    elsif m.same is false or (m.same and m.keyed is null) then
      verdict := 'mismatch';
    elsif m.keyed <> m.id and refusals ? m.keyed then
      -- The first member of the key is in this group and was refused.
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
        -- The key's own budget is named before the cap, because it can be raised.
        if free[array_position(locked, mine[at])] < m.hold
           and (tight is null or tight is not distinct from m.cap) then
          tight := mine[at];
        end if;
      end loop;
      if tight is null then
        verdict := 'accepted';
        for at in 1 .. cardinality(mine) loop
          free[array_position(locked, mine[at])] := free[array_position(locked, mine[at])] - m.hold;
          taken[array_position(locked, mine[at])] :=
            taken[array_position(locked, mine[at])] + m.hold;
        end loop;
        admitted := admitted || m.ord;
        admitted_periods := admitted_periods || wanted[m.ord];
      else
        verdict := 'budget';
        capped := tight is not distinct from m.cap;
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
    notify, stored, webhook_url, request_hash, waiter, batch_id, batch_line)
  select r.id, r.key, r.endpoint, r.model, r.class, r.residency, r.interactive, r.stream, r.owner,
    'waiting', r.plan -> r.target ->> 'provider', r.target, r.plan, r.input_bound, r.output_bound,
    r.max_attempts, r.hold, a.periods::bigint[],
    now() + r.deadline_ms * interval '1 ms', now() + r.overflow_ms * interval '1 ms',
    r.overflow_on_failure,
    now() + least(r.deadline_ms, r.check_ms) * interval '1 ms',
    coalesce(r.notify, false), coalesce(r.stored, false), r.webhook_url,
    decode(r.request_hash, 'hex'), r.waiter, r.batch,
    (select l.line from batch_lines l where l.job_id = r.id)
  from unnest(admitted, admitted_periods) as a(ord, periods)
  join jsonb_array_elements(members) with ordinality as t(m, ord) on t.ord = a.ord
  cross join lateral jsonb_to_record(t.m) as r(id text, key text, endpoint text, model text,
    class smallint, residency text, interactive boolean, stream boolean, owner text,
    target smallint, plan jsonb, input_bound integer, output_bound integer,
    max_attempts smallint, hold bigint,
    deadline_ms double precision, overflow_ms double precision, overflow_on_failure boolean,
    check_ms double precision, notify boolean, stored boolean, webhook_url text,
    request_hash text, waiter text, batch text)
  on conflict (id) do nothing;

  insert into job_requests (job_id, facts, body, compressed)
  select t.m ->> 'id', t.m -> 'request' ->> 'facts', decode(t.m -> 'request' ->> 'body', 'base64'),
    (t.m -> 'request' ->> 'compressed')::boolean
  from unnest(admitted) as a(ord)
  join jsonb_array_elements(members) with ordinality as t(m, ord) on t.ord = a.ord
  where t.m -> 'request' ->> 'facts' is not null;

  update batch_lines set state = 'open'
  where job_id in (
    select t.m ->> 'id'
    from unnest(admitted) as a(ord)
    join jsonb_array_elements(members) with ordinality as t(m, ord) on t.ord = a.ord
    where t.m ->> 'batch' is not null);
end $$;
