-- Lets a provider rest: the first time `first_ms`, then twice as long as before, at most `cap_ms`
-- and at least `least_ms`. A call that is refused during the rest was sent before it, and only
-- prolongs the rest as far as the provider asks. Returns the milliseconds that are left.
create or replace function rest_provider(
  of_provider text, reason text, first_ms integer, cap_ms integer, least_ms integer
) returns double precision language plpgsql as $$
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
