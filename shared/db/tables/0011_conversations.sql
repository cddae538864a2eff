-- Nothing here has a foreign key, so that the end of a job neither waits for nor fails on a
-- conversation that is deleted meanwhile; what it leaves goes with the retention.
create table conversations (
  id text primary key,
  key_id text not null,
  metadata text not null,
  created_at timestamptz not null default now(),
  touched_at timestamptz not null default now()
);
create index conversations_touched on conversations (touched_at);

create sequence conversation_turn_numbers;

create table conversation_items (
  conversation_id text not null,
  turn bigint not null,
  idx integer not null,
  id text not null,
  item text not null,
  created_at timestamptz not null default now(),
  primary key (conversation_id, turn, idx)
);
create index conversation_items_by_id on conversation_items (conversation_id, id);
create index conversation_items_by_age on conversation_items (created_at);

create table conversation_turns (
  job_id text primary key,
  conversation_id text not null,
  items text not null,
  created_at timestamptz not null default now(),
  turn bigint,
  body bytea,
  compressed boolean
);
create index conversation_turns_by_age on conversation_turns (created_at);
create index conversation_turns_of on conversation_turns (conversation_id, turn);
