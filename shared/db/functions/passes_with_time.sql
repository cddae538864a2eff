-- Tells by the code that a worker gave whether a failure may be over at another time.
create or replace function passes_with_time(code text) returns boolean language sql immutable as $$
  select coalesce(code in ('connect', 'auth', 'request_timeout', 'conflict', 'rate_limited',
    'quota_exhausted', 'server_error', 'cut', 'malformed', 'first_byte_timeout', 'idle_timeout',
    'lease_lost', 'shutdown'), false)
$$;
