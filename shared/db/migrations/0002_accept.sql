-- Up Migration

-- Makes the current and the next period of every standing budget, or of one, that lacks it. UTC
-- calendar: days and months begin at 00:00, weeks on Monday.
create function open_budget_periods(only_budget bigint default null) returns void language sql as $$
  insert into budget_periods (budget_id, period, starts_at, ends_at, limit_nanos)
  select b.id, b.period, w.starts_at, w.ends_at, b.limit_nanos
  from budgets b
  cross join lateral (
    select '-infinity'::timestamptz as starts_at, 'infinity'::timestamptz as ends_at
    where b.period = 'total'
    union all
    -- Not `s + step`: that would be a day or month of the session's time zone.
    select s, (s at time zone 'UTC' + step) at time zone 'UTC'
    from (select ('1 ' || b.period)::interval as step where b.period <> 'total') as length,
    lateral (values
      (date_trunc(b.period, now(), 'UTC')),
      ((date_trunc(b.period, now(), 'UTC') at time zone 'UTC' + step) at time zone 'UTC')
    ) as start(s)
  ) as w
  where b.removed_at is null and b.id = coalesce(only_budget, b.id)
  on conflict (budget_id, period, starts_at) do nothing
$$;

-- The current periods of the budgets above a key, in id order.
create function current_periods(key text) returns bigint[] language sql stable as $$
  select coalesce(array_agg(p.id order by p.id), '{}')
  from budgets b
  join budget_periods p
    on p.budget_id = b.id and p.period = b.period and p.starts_at <= now() and now() < p.ends_at
  where b.key_id = key and b.removed_at is null
$$;

-- Admits jobs with their holds, first-fit in arrival order; a refused member takes nothing and
-- leaves no row. Members are idempotent by job id: one sent again reads `already`.
-- Verdicts: accepted | already | budget (with what is left, of how much, until when) | key.
create function accept_jobs(members jsonb)
returns table (
  job_id text, verdict text, free_nanos bigint, limit_nanos bigint, resets_at timestamptz
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
begin
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
      k.id is not null and k.revoked_at is null and coalesce(k.expires_at > now(), true) as usable
    from jsonb_array_elements(members) with ordinality as t(m, ord)
    left join jobs j on j.id = t.m ->> 'id'
    left join keys k on k.id = t.m ->> 'key'
    order by t.ord
  loop
    job_id := m.id;
    free_nanos := null;
    limit_nanos := null;
    resets_at := null;
    if m.known then
      verdict := 'already';
    elsif not m.usable then
      verdict := 'key';
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
      end if;
    end if;
    return next;
  end loop;

  update budget_periods p set held_nanos = held_nanos + t.nanos
  from unnest(locked, taken) as t(id, nanos)
  where p.id = t.id and t.nanos > 0;

  insert into jobs (id, key_id, endpoint, model, class, residency, interactive, stream, owner,
    state, provider, target, plan, input_bound, output_bound,
    max_attempts, hold_nanos, period_ids, deadline_at, overflow_at, overflow_on_failure, wake_at)
  select r.id, r.key, r.endpoint, r.model, r.class, r.residency, r.interactive, r.stream, r.owner,
    'waiting', r.plan -> r.target ->> 'provider', r.target, r.plan, r.input_bound, r.output_bound,
    r.max_attempts, r.hold, a.periods::bigint[],
    now() + r.deadline_ms * interval '1 ms', now() + r.overflow_ms * interval '1 ms',
    r.overflow_on_failure,
    now() + least(r.deadline_ms, r.check_ms) * interval '1 ms'
  from unnest(admitted, admitted_periods) as a(ord, periods)
  join jsonb_array_elements(members) with ordinality as t(m, ord) on t.ord = a.ord
  cross join lateral jsonb_to_record(t.m) as r(id text, key text, endpoint text, model text,
    class smallint, residency text, interactive boolean, stream boolean, owner text,
    target smallint, plan jsonb, input_bound integer, output_bound integer,
    max_attempts smallint, hold bigint,
    deadline_ms double precision, overflow_ms double precision, overflow_on_failure boolean,
    check_ms double precision)
  on conflict (id) do nothing;
end $$;

-- Down Migration
