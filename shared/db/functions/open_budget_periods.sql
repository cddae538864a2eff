-- Makes the current and the next period of every standing budget, or of one, where they are
-- missing. By the calendar of UTC, days and months begin at 00:00 and weeks on Monday.
create or replace function open_budget_periods(only_budget bigint default null) returns void
language sql as $$
  insert into budget_periods (budget_id, period, starts_at, ends_at, limit_nanos)
  select b.id, b.period, w.starts_at, w.ends_at, b.limit_nanos
  from budgets b
  cross join lateral (
    select '-infinity'::timestamptz as starts_at, 'infinity'::timestamptz as ends_at
    where b.period = 'total'
    union all
    -- `s + step` would be a day or month of the session's time zone.
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
