-- Drops a page of events that are older than the retention and that no delivery waits for. Returns
-- how many.
create or replace function forget_old_webhooks(retention interval, page integer) returns integer
language plpgsql as $$
declare
  old text[];
begin
  old := array(
    select v.id from webhook_events v
    where v.created_at < now() - retention
      and not exists (select from webhook_deliveries d
        where d.event_id = v.id and d.state in ('pending', 'sending'))
    order by v.created_at limit page for update skip locked);
  delete from webhook_attempts a using webhook_deliveries d
  where d.event_id = any (old) and a.delivery_id = d.id;
  delete from webhook_deliveries d where d.event_id = any (old);
  delete from webhook_events v where v.id = any (old);
  return cardinality(old);
end $$;
