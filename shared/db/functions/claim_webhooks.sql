-- Takes deliveries that are due and lends them for `lease_ms`. Over the whole fleet at most
-- `per_lane` of one lane and `per_key` of one key are lent, so a slow receiver holds up only
-- itself. One caller at a time takes deliveries; others return at once.
create or replace function claim_webhooks(
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
    -- A lane takes one step in the index, however many deliveries wait in it.
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
  -- The earlier sender of these has died or cannot reach the database.
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
  opened as (
    insert into webhook_attempts (delivery_id, attempt, started_at)
    select c.id, c.attempts, moment from claimed c
  )
  select c.id, c.attempts, c.failures, c.once, c.endpoint_id, t.url, t.secret, t.old_secret,
    v.id, v.type, v.object_id, v.created_at
  from claimed c join taken t on t.id = c.id join webhook_events v on v.id = c.event_id;
end $$;
