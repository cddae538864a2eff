-- Sends a page of an endpoint's dead and cancelled deliveries again, whose events are from `since`
-- to before `until`. Returns how many.
create or replace function replay_deliveries(
  of_endpoint text, since timestamptz, until timestamptz, page integer
) returns integer language sql as $$
  with again as (
    update webhook_deliveries set state = 'pending', failures = 0, next_at = now() where id in (
      select d.id from webhook_deliveries d join webhook_events v on v.id = d.event_id
      where d.lane = of_endpoint and d.state in ('dead', 'cancelled')
        and v.created_at >= since and v.created_at < until
      order by d.id limit page for update of d skip locked)
    returning 1)
  select count(*)::integer from again
$$;
