-- Records how an attempt ended.
-- `outcome`: delivered | failed | interrupted (the sender stopped it: no failure, and it is tried
-- again at once).
-- `retry_ms`: the time until a failed delivery is tried again; null: never.
-- `gone`: the receiver asked for no more.
-- An endpoint is disabled when it is gone or has only failed for five days; then the reason is
-- returned. A report of an attempt that was given up changes nothing but the attempt's own row.
create or replace function record_webhook_attempt(
  moment timestamptz, of_delivery text, of_attempt integer, to_url text, http_status integer,
  took_ms integer, problem text, outcome text, retry_ms bigint, gone boolean
) returns text language plpgsql as $$
declare
  mine webhook_deliveries;
  reason text;
begin
  update webhook_attempts a set status = http_status, ms = took_ms, error = problem
  where a.delivery_id = of_delivery and a.attempt = of_attempt;
  update webhook_deliveries d set
    state = case when outcome = 'delivered' then 'delivered'
      when outcome = 'interrupted' then 'pending'
      when retry_ms is null or d.once then 'dead' else 'pending' end,
    failures = d.failures + case outcome when 'failed' then 1 else 0 end,
    next_at = case outcome when 'failed' then moment + coalesce(retry_ms, 0) * interval '1 ms'
      else moment end
  where d.id = of_delivery and d.attempts = of_attempt and d.state = 'sending'
  returning d.* into mine;
  if mine.id is null or mine.endpoint_id is null or mine.once or outcome = 'interrupted' then
    return null;
  end if;
  if outcome = 'delivered' then
    update webhook_endpoints set failing_since = null
    where id = mine.endpoint_id and failing_since is not null;
    return null;
  end if;
  update webhook_endpoints set failing_since = moment
  where id = mine.endpoint_id and failing_since is null;
  -- An address that is no longer the endpoint's does not disable it.
  update webhook_endpoints e set enabled = false, disabled_at = moment,
    disabled_reason = case when gone then 'gone' else 'failing' end
  where e.id = mine.endpoint_id and e.enabled and e.url = to_url
    and (gone or e.failing_since <= moment - interval '5 days')
  returning e.disabled_reason into reason;
  if not exists (select from webhook_endpoints e where e.id = mine.endpoint_id and e.enabled) then
    perform cancel_deliveries(mine.lane);
  end if;
  return reason;
end $$;
