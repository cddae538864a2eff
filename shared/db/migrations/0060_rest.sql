-- Up Migration

-- A provider that answers but takes nothing for the moment rests: until `resting_until` nothing is
-- sent there, and then one call at a time, `tried_by` the worker that makes it, until one is answered.
-- `rest_ms`: the length of this rest, which doubles with each trial that fails.
alter table providers
  add column resting_until timestamptz,
  add column rest_ms integer,
  add column rest_reason text,
  add column tried_by text,
  add column tried_until timestamptz;

-- Lets a provider rest: the first time `first_ms`, then twice as long as before, at most `cap_ms`, and
-- at least `least_ms`. What is refused while it rests has been sent before, and only prolongs the rest
-- to what the provider asks for. Returns the milliseconds that are left.
create function rest_provider(of_provider text, reason text, first_ms integer, cap_ms integer,
  least_ms integer) returns double precision language plpgsql as $$
declare
  p providers;
  until timestamptz;
begin
  select * into p from providers where name = of_provider for update;
  if p.resting_until > now() then
    until := greatest(p.resting_until, now() + least_ms * interval '1 ms');
    update providers set resting_until = until where id = p.id and until > resting_until;
  else
    p.rest_ms := least(coalesce(2 * p.rest_ms, first_ms), cap_ms);
    until := now() + greatest(p.rest_ms, least_ms) * interval '1 ms';
    update providers set resting_until = until, rest_ms = p.rest_ms, rest_reason = reason,
      tried_by = null, tried_until = null, healthy = false,
      health_changed_at = case when healthy then now() else health_changed_at end
    where id = p.id;
  end if;
  return extract(epoch from until - now()) * 1000;
end $$;

-- The right to try a provider whose rest is over, for one worker at a time; held for so long, and
-- asked for again before. False: it rests still, another tries it, or it is well.
create function try_provider(of_provider text, of_worker text, for_ms integer) returns boolean
language sql as $$
  with tried as (
    update providers set tried_by = of_worker, tried_until = now() + for_ms * interval '1 ms'
    where name = of_provider and resting_until <= now()
      and (tried_by is null or tried_by = of_worker or tried_until <= now())
    returning 1
  )
  select exists (select from tried)
$$;

-- A resting provider was found to be ready again before its time: it may be tried now.
create function wake_provider(of_provider text) returns void language sql as $$
  update providers set resting_until = now() where name = of_provider and resting_until > now()
$$;

-- A call was answered: the provider is well.
create function end_rest(of_provider text) returns void language sql as $$
  update providers set resting_until = null, rest_ms = null, rest_reason = null, tried_by = null,
    tried_until = null
  where name = of_provider and resting_until is not null
$$;

drop function report_health(text, text[]);
-- 0008 anew: a provider that rests is down too. Writes down what a worker cannot reach and brings
-- `providers.healthy` in line with the whole fleet. Returns every provider as the fleet sees it; with
-- `resting_ms`, negative once its rest is over and it may be tried. Without any worker, what was known
-- of its reach stands.
create function report_health(of_worker text, names text[])
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

-- Down Migration
