-- Cancels what waits for an endpoint that takes no more; a replay can send it later. It does one
-- page, and the rest is cancelled when it comes due.
create or replace function cancel_deliveries(of_lane text) returns void language sql as $$
  update webhook_deliveries set state = 'cancelled' where id in (
    select d.id from webhook_deliveries d
    where d.lane = of_lane and d.state in ('pending', 'sending') and d.state = 'pending'
    order by d.next_at limit 5000 for update skip locked)
$$;
