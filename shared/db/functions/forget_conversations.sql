-- Drops a page of each kind of row whose retention is over. A turn that is not done after an hour
-- stays as long as its job has not ended. A conversation goes when it has no items and no turns
-- left, whether or not a reader has made items of the turns. Returns how many rows of the largest
-- kind went.
create or replace function forget_conversations(retention_ms double precision, page integer)
returns integer language sql as $$
  with old as (select now() - make_interval(secs => retention_ms / 1000) as at),
  items as (
    delete from conversation_items where ctid in (
      select ctid from conversation_items, old where created_at < old.at limit page)
    returning 1),
  turns as (
    delete from conversation_turns where ctid in (
      select t.ctid from conversation_turns t, old
      where case when t.turn is not null then t.created_at < old.at
        else t.created_at < now() - interval '1 h' and not exists (
          select from jobs j where j.id = t.job_id and j.state in ('waiting', 'running')) end
      limit page)
    returning 1),
  emptied as (
    delete from conversations where id in (
      select c.id from conversations c, old
      where c.touched_at < old.at
        and not exists (select from conversation_items i where i.conversation_id = c.id)
        and not exists (select from conversation_turns t where t.conversation_id = c.id)
      limit page)
    returning 1)
  select greatest((select count(*) from items), (select count(*) from turns),
    (select count(*) from emptied))::integer
$$;
