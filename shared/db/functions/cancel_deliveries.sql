-- Cancels the deliveries that wait for an endpoint that takes no more; a replay can send them
-- later. This cancels one page, and claim_webhooks cancels each of the others when it is due.
create or replace function cancel_deliveries(of_lane text) returns void language sql as $$
  update webhook_deliveries set state = 'cancelled' where id in (
    select d.id from webhook_deliveries d
    where d.lane = of_lane and d.state in ('pending', 'sending') and d.state = 'pending'
    order by d.next_at limit 5000 for update skip locked)
$$;
