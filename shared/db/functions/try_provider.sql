-- The right to try a provider whose rest is over, for one worker at a time; held for so long, and
-- asked for again before. False: it rests still, another tries it, or it is well.
create or replace function try_provider(of_provider text, of_worker text, for_ms integer) returns boolean
language sql as $$
  with tried as (
    update providers set tried_by = of_worker, tried_until = now() + for_ms * interval '1 ms'
    where name = of_provider and resting_until <= now()
      and (tried_by is null or tried_by = of_worker or tried_until <= now())
    returning 1
  )
  select exists (select from tried)
$$;
