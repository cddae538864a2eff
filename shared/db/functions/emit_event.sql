-- Writes to the outbox, in the same transaction as the end of a job or batch: one event, with a
-- delivery to each of the key's endpoints that listen to its type and one to the address that the
-- request named. It locks nothing. Returns the event's id; null when nobody listens.
create or replace function emit_event(of_key text, event_type text, of_object text, direct_url text)
returns text language plpgsql as $$
declare
  event text;
begin
  with recipients as (
    select e.id as endpoint, null::text as url, e.id as lane
    from webhook_endpoints e
    where e.key_id = of_key and e.enabled and event_type = any (e.event_types)
    union all
    select null, direct_url, left('direct:' || of_key || ':'
      || coalesce(lower(substring(direct_url from '^[^/]*//([^/?#]*)')), ''), 400)
    where direct_url is not null
  ), made as (
    insert into webhook_events (id, key_id, type, object_id)
    select new_id('evt'), of_key, event_type, of_object where exists (select from recipients)
    returning id
  ), sent as (
    insert into webhook_deliveries (id, event_id, key_id, endpoint_id, url, lane)
    select new_id('whd'), made.id, of_key, r.endpoint, r.url, r.lane from made, recipients r
  )
  select made.id into event from made;
  return event;
end $$;
