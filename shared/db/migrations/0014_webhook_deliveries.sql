-- Up Migration

-- What waits for an endpoint that takes nothing any more waits no longer; it can be replayed. One
-- page at once: the rest ends as it comes due.
create function cancel_deliveries(of_lane text) returns void language sql as $$
  update webhook_deliveries set state = 'cancelled' where id in (
    select d.id from webhook_deliveries d
    where d.lane = of_lane and d.state in ('pending', 'sending') and d.state = 'pending'
    order by d.next_at limit 5000 for update skip locked)
$$;

-- Takes deliveries that are due and lends them for `lease_ms`. Of one lane at most `per_lane` are out
-- over the whole fleet, of one key `per_key`, so whoever is slow holds up only himself. One caller at
-- a time; the others return at once.
create function claim_webhooks(
  moment timestamptz, page integer, lease_ms integer, per_lane integer, per_key integer
)
returns table (
  delivery_id text, attempt integer, failures integer, once boolean, endpoint_id text, url text,
  secret text, old_secret text, event_id text, event_type text, object_id text,
  created_at timestamptz
) language plpgsql
-- After a backlog the statistics still say that most rows are open.
set enable_seqscan = off as $$
#variable_conflict use_column
begin
  if not exists (select from webhook_deliveries d
      where d.state in ('pending', 'sending') and d.next_at <= moment)
    or not pg_try_advisory_xact_lock(1397948418) then
    return;
  end if;
  return query
  with recursive lanes as (
    (select d.lane from webhook_deliveries d
     where d.state in ('pending', 'sending') order by d.lane limit 1)
    union all
    -- One step of the index a lane, however many deliveries wait in it.
    select (select d.lane from webhook_deliveries d
      where d.state in ('pending', 'sending') and d.lane > l.lane order by d.lane limit 1)
    from lanes l where l.lane is not null
  ),
  lent as materialized (
    select d.lane, d.key_id from webhook_deliveries d
    where d.state = 'sending' and d.next_at > moment
  ),
  lent_in_lane as (select t.lane, count(*) as n from lent t group by t.lane),
  lent_of_key as (select t.key_id, count(*) as n from lent t group by t.key_id),
  room as (
    select l.lane, per_lane - coalesce(t.n, 0) as n
    from lanes l left join lent_in_lane t on t.lane = l.lane
    where coalesce(t.n, 0) < per_lane
  ),
  due as (
    select d.* from room
    cross join lateral (
      select d.id, d.key_id, d.next_at, row_number() over (order by d.next_at, d.id) as turn
      from webhook_deliveries d
      where d.lane = room.lane and d.state in ('pending', 'sending') and d.next_at <= moment
      order by d.next_at, d.id limit room.n
    ) as d
  ),
  fair as (
    select d.id, d.turn, d.next_at,
      row_number() over (partition by d.key_id order by d.turn, d.next_at) + coalesce(t.n, 0)
        as of_key
    from due d left join lent_of_key t on t.key_id = d.key_id
  ),
  chosen as (
    select f.id from fair f where f.of_key <= per_key order by f.turn, f.next_at limit page
  ),
  locked as (
    select d.* from webhook_deliveries d
    where d.id in (select c.id from chosen c)
      and d.state in ('pending', 'sending') and d.next_at <= moment
    for update skip locked
  ),
  taken as (
    select d.id, coalesce(e.url, d.url) as url,
      case when d.endpoint_id is null then k.webhook_secret else e.secret end as secret,
      case when e.old_secret_until > moment then e.old_secret end as old_secret,
      case when d.endpoint_id is null then k.webhook_secret is not null
        else e.id is not null and (e.enabled or d.once) end as wanted
    from locked d
    left join webhook_endpoints e on e.id = d.endpoint_id
    left join keys k on k.id = d.key_id
  ),
  stopped as (
    update webhook_deliveries d set state = 'cancelled' from taken t
    where d.id = t.id and not t.wanted
  ),
  -- Whoever sent these before has died, or cannot reach the database.
  interrupted as (
    update webhook_attempts a set error = 'interrupted' from locked d
    where a.delivery_id = d.id and a.attempt = d.attempts and d.state = 'sending'
      and a.status is null and a.error is null
  ),
  claimed as (
    update webhook_deliveries d set state = 'sending', attempts = d.attempts + 1,
      next_at = moment + lease_ms * interval '1 ms'
    from taken t where d.id = t.id and t.wanted
    returning d.*
  ),
  noted as (
    insert into webhook_attempts (delivery_id, attempt, started_at)
    select c.id, c.attempts, moment from claimed c
  )
  select c.id, c.attempts, c.failures, c.once, c.endpoint_id, t.url, t.secret, t.old_secret,
    v.id, v.type, v.object_id, v.created_at
  from claimed c join taken t on t.id = c.id join webhook_events v on v.id = c.event_id;
end $$;

-- Writes down how an attempt ended. `outcome`: delivered | failed | interrupted (stopped by us: no
-- failure, tried again at once). `retry_ms`: when a failed one is tried again; null: never. `gone`:
-- the receiver asked for no more. The endpoint is disabled when it is gone, or has only failed for
-- five days; then its reason is returned. A word about an attempt that was given up changes nothing
-- but the attempt's own row.
create function note_webhook_attempt(
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
  -- Not for what an address did that is no longer the endpoint's.
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

-- Sends the endpoint's dead and cancelled deliveries of events from that time again, one page; the
-- number of them.
create function replay_deliveries(
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

-- Forgets one page of events that are older than the retention and that nobody waits for any more.
-- Returns how many.
create function forget_old_webhooks(retention interval, page integer) returns integer
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

-- Down Migration
