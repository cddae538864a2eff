-- Up Migration

-- Nothing here has a foreign key, so that the end of a job neither waits for nor fails on a
-- conversation that is deleted meanwhile; what it leaves goes with the retention.

create table conversations (
  id text primary key,
  key_id text not null,
  -- JSON.
  metadata text not null,
  created_at timestamptz not null default now(),
  -- Last changed or written to by its owner.
  touched_at timestamptz not null default now()
);
create index conversations_touched on conversations (touched_at);

-- One number for everything that comes at once: a request's items, or a response's input and output.
create sequence conversation_turn_numbers;

create table conversation_items (
  conversation_id text not null,
  turn bigint not null,
  idx integer not null,
  id text not null,
  -- JSON.
  item text not null,
  created_at timestamptz not null default now(),
  primary key (conversation_id, turn, idx)
);
create index conversation_items_by_id on conversation_items (conversation_id, id);
create index conversation_items_by_age on conversation_items (created_at);

-- What a job adds to its conversation when it is done, beside its output. Written before the job, which
-- may then be refused, lost or cancelled.
create table conversation_turns (
  job_id text primary key,
  conversation_id text not null,
  -- JSON: a list of items.
  items text not null,
  created_at timestamptz not null default now()
);
create index conversation_turns_by_age on conversation_turns (created_at);

-- In the statement that settles the job. Its result is not compressed.
create function append_turn() returns trigger language plpgsql as $$
declare
  begun conversation_turns;
  next_turn bigint;
begin
  delete from conversation_turns where job_id = new.job_id returning * into begun;
  if not found or new.error is not null or new.body is null or new.compressed then
    return null;
  end if;
  next_turn := nextval('conversation_turn_numbers');
  insert into conversation_items (conversation_id, turn, idx, id, item)
  select begun.conversation_id, next_turn, added.idx,
    coalesce(added.item ->> 'id', 'item_' || next_turn || '_' || added.idx), added.item
  from (
    select row_number() over (order by part, ord) as idx, item
    from (
      select 1 as part, i.ord, i.item
      from json_array_elements(begun.items::json) with ordinality as i(item, ord)
      union all
      select 2, o.ord, o.item
      from json_array_elements(convert_from(new.body, 'UTF8')::json -> 'output')
        with ordinality as o(item, ord)
    ) as parts
  ) as added
  where exists (select from conversations where id = begun.conversation_id);
  return null;
exception when data_exception then
  -- An output that is no list of items, or whose ids are no text for PostgreSQL, is delivered as it
  -- came; it must not keep its job from being settled.
  return null;
end $$;

create trigger append_turn after insert on job_results for each row execute function append_turn();

-- Drops a page of each kind of what is kept no longer; returns how many rows of the largest.
create function forget_conversations(retention_ms double precision, page integer)
returns integer language sql as $$
  with old as (select now() - make_interval(secs => retention_ms / 1000) as at),
  items as (
    delete from conversation_items where ctid in (
      select ctid from conversation_items, old where created_at < old.at limit page)
    returning 1),
  turns as (
    delete from conversation_turns where ctid in (
      select ctid from conversation_turns where created_at < now() - interval '31 days' limit page)
    returning 1),
  emptied as (
    delete from conversations where id in (
      select c.id from conversations c, old
      where c.touched_at < old.at
        and not exists (select from conversation_items i where i.conversation_id = c.id)
      limit page)
    returning 1)
  select greatest((select count(*) from items), (select count(*) from turns),
    (select count(*) from emptied))::integer
$$;
