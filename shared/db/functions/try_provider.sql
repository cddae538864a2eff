-- Gives one worker the right to try a provider whose rest is over. The worker has it for `for_ms`
-- and renews it before. Returns false when the provider still rests, does not rest at all, or is
-- tried by another worker.
create or replace function try_provider(of_provider text, of_worker text, for_ms integer)
returns boolean
language sql as $$
  with tried as (
    update providers set tried_by = of_worker, tried_until = now() + for_ms * interval '1 ms'
    where name = of_provider and resting_until <= now()
      and (tried_by is null or tried_by = of_worker or tried_until <= now())
    returning 1
  )
  select exists (select from tried)
$$;
