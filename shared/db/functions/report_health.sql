-- Records which providers a worker cannot reach, and brings `providers.healthy` in line with the
-- whole fleet. A provider that rests is down too. In a fleet without workers, `healthy` stays as it
-- is. Returns every provider as the fleet sees it; `resting_ms` is negative once its rest is over
-- and it may be tried.
create or replace function report_health(of_worker text, names text[])
returns table (name text, slots integer, healthy boolean, resting_ms double precision,
  rest_reason text)
language plpgsql as $$
#variable_conflict use_column
begin
  update processes set unreachable = names where id = of_worker and unreachable <> names;
  update providers p set healthy = not p.healthy, health_changed_at = now()
  from (
    select p.id from providers p
    where p.healthy <> (coalesce(p.resting_until <= now(), true) and exists (
      select from processes w where w.kind = 'worker' and p.name <> all (w.unreachable)))
    and exists (select from processes w where w.kind = 'worker')
    order by p.id for update
  ) as changed
  where p.id = changed.id;
  return query select p.name, p.slots, p.healthy,
    (extract(epoch from p.resting_until - now()) * 1000)::double precision, p.rest_reason
  from providers p;
end $$;
