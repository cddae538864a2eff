-- Ends the rest of a provider that has answered a call.
create or replace function end_rest(of_provider text) returns void language sql as $$
  update providers set resting_until = null, rest_ms = null, rest_reason = null, tried_by = null,
    tried_until = null
  where name = of_provider and resting_until is not null
$$;
