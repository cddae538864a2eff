-- What waits for an endpoint that takes nothing any more waits no longer; it can be replayed. One
-- page at once: the rest ends as it comes due.
create or replace function cancel_deliveries(of_lane text) returns void language sql as $$
  update webhook_deliveries set state = 'cancelled' where id in (
    select d.id from webhook_deliveries d
    where d.lane = of_lane and d.state in ('pending', 'sending') and d.state = 'pending'
    order by d.next_at limit 5000 for update skip locked)
$$;
