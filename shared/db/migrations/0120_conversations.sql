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
  created_at timestamptz not null default now(),
  -- Once the job is done: the turn's number, and the response as its result has it.
  turn bigint,
  body bytea,
  compressed boolean
);
create index conversation_turns_by_age on conversation_turns (created_at);
create index conversation_turns_of on conversation_turns (conversation_id, turn);

-- In the statement that settles the job. PostgreSQL does not look into the response: of JSON texts that
-- have a NUL or half a character in any string it reads nothing, and no job's end may depend on that.
-- Whoever next reads the conversation makes items of it.
create function append_turn() returns trigger language plpgsql as $$
begin
  if new.error is null and new.body is not null then
    update conversation_turns t
    set turn = nextval('conversation_turn_numbers'), body = new.body, compressed = new.compressed
    where t.job_id = new.job_id
      and exists (select from conversations c where c.id = t.conversation_id);
    if found then
      return null;
    end if;
  end if;
  delete from conversation_turns where job_id = new.job_id;
  return null;
end $$;

create trigger append_turn after insert on job_results for each row execute function append_turn();

-- Drops a page of each kind of what is kept no longer; returns how many rows of the largest. A turn that
-- is not done after an hour is kept for as long as its job goes on. A conversation goes when nothing is
-- left of it, also no turn that nobody has read yet or that is under way.
create function forget_conversations(retention_ms double precision, page integer)
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
