-- Returns the current periods of a key's budgets, in the order of their ids.
create or replace function current_periods(key text) returns bigint[] language sql stable as $$
  select coalesce(array_agg(p.id order by p.id), '{}')
  from budgets b
  join budget_periods p
    on p.budget_id = b.id and p.period = b.period and p.starts_at <= now() and now() < p.ends_at
  where b.key_id = key and b.removed_at is null
$$;
