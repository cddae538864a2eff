-- Ends the rest of a provider that was found ready early, so that it may be tried now.
create or replace function wake_provider(of_provider text) returns void language sql as $$
  update providers set resting_until = now() where name = of_provider and resting_until > now()
$$;
