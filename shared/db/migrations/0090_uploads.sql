-- Up Migration

-- A file that comes in parts. Each part is a row of `files` with an id of its own, which nobody sees;
-- completing the upload gives the chunks of its parts to one file, in their order, uncopied.
create table uploads (
  id text primary key,
  key_id text not null,
  filename text not null,
  purpose text not null,
  mime_type text not null,
  -- What the parts must come to.
  bytes bigint not null check (bytes > 0),
  -- Of the file, from its creation, in seconds.
  expires_after_s integer not null,
  -- A pending one whose time is over has expired.
  status text not null default 'pending' check (status in ('pending', 'completed', 'cancelled')),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  -- Of the parts that came in whole, whether or not they will be asked for.
  parts integer not null default 0,
  part_bytes bigint not null default 0,
  -- What became of it, and the ids of the parts that were asked for, one behind the other, as SHA-256.
  file_id text,
  part_ids_hash bytea,
  check ((status = 'completed') = (file_id is not null))
);
create index uploads_expiring on uploads (expires_at);

alter table files
  add column upload_id text,
  -- As the upload told it.
  add column mime_type text,
  drop constraint files_purpose_check,
  add constraint files_purpose_check check (purpose in
    ('assistants', 'batch', 'batch_output', 'evals', 'fine-tune', 'user_data', 'vision')),
  drop constraint files_state_check,
  -- part: a whole part of an upload that goes on.
  add constraint files_state_check check (state in ('uploading', 'writing', 'processed', 'part'));
create index files_of_upload on files (upload_id) where upload_id is not null;

-- Shows a part to the upload that it was sent for. Null: the upload takes no more, or the part was
-- given up; then the caller rolls back, so that it is not counted.
create function finish_part(
  of_part text, part_size bigint, max_parts integer, max_bytes bigint
) returns timestamptz language plpgsql as $$
declare
  finished_at timestamptz;
begin
  -- Before the part, as whoever completes or cancels the upload has it.
  update uploads set parts = parts + 1, part_bytes = part_bytes + part_size
  where id = (select upload_id from files where id = of_part)
    and status = 'pending' and expires_at > clock_timestamp()
    and parts < max_parts and part_bytes + part_size <= max_bytes;
  if not found then
    return null;
  end if;
  update files set state = 'part', created_at = now()
  where id = of_part and state = 'uploading' and deleted_at is null and bytes = part_size
  returning created_at into finished_at;
  return finished_at;
end $$;

-- Makes one file of the parts, once. The verdict: `completed`, also when the same parts were asked for
-- before; `missing`, `closed` or `expired`: the upload takes no more; `part`: the one at this place is
-- none of its parts; `size`: they come to so many bytes.
create function complete_upload(
  of_upload text, of_key text, wanted text[], ids_hash bytea, new_file text,
  out verdict text, out figure bigint
) language plpgsql as $$
declare
  u uploads;
begin
  select * into u from uploads where id = of_upload and key_id = of_key for update;
  verdict := case
    when not found then 'missing'
    when u.status = 'completed' and u.part_ids_hash = ids_hash then 'completed'
    when u.status <> 'pending' then 'closed'
    when u.expires_at <= clock_timestamp() then 'expired'
  end;
  if verdict is not null then
    return;
  end if;

  perform from files where upload_id = of_upload and state = 'part' and deleted_at is null
  order by id for update;
  select min(w.place) into figure
  from unnest(wanted) with ordinality as w (id, place)
  left join files f on f.id = w.id and f.upload_id = of_upload
    and f.state = 'part' and f.deleted_at is null
  where f.id is null;
  if figure is not null then
    verdict := 'part';
    return;
  end if;
  select sum(bytes) into figure from files where id = any (wanted);
  if figure is distinct from u.bytes then
    verdict := 'size';
    return;
  end if;

  insert into files (id, key_id, filename, purpose, mime_type, bytes, state, expires_at)
  values (new_file, of_key, u.filename, u.purpose, u.mime_type, u.bytes, 'processed',
    now() + u.expires_after_s * interval '1 s');
  -- The bytes themselves stay where they lie.
  update file_chunks c set file_id = new_file, start = c.start + p.base
  from (
    select f.id, sum(f.bytes) over (order by w.place) - f.bytes as base
    from unnest(wanted) with ordinality as w (id, place) join files f on f.id = w.id
  ) p
  where c.file_id = p.id;
  delete from files where id = any (wanted);
  update files set deleted_at = now()
  where upload_id = of_upload and state = 'part' and deleted_at is null;
  update uploads set status = 'completed', file_id = new_file, part_ids_hash = ids_hash
  where id = of_upload;
  verdict := 'completed';
end $$;

-- No part of it counts from then on. False: it is not pending.
create function cancel_upload(of_upload text, of_key text) returns boolean language plpgsql as $$
begin
  update uploads set status = 'cancelled'
  where id = of_upload and key_id = of_key and status = 'pending'
    and expires_at > clock_timestamp();
  if not found then
    return false;
  end if;
  update files set deleted_at = now()
  where upload_id = of_upload and state = 'part' and deleted_at is null;
  return true;
end $$;

-- The same as before, and: parts of uploads that nobody can complete any more, and what is known of
-- uploads a day after their end.
create or replace function expire_files(page integer) returns void language plpgsql as $$
begin
  update files set deleted_at = now() where id in (
    select id from files where deleted_at is null and expires_at <= now()
    order by expires_at limit page for update skip locked);
  update files set deleted_at = now() where id in (
    select id from files
    where state = 'uploading' and deleted_at is null and touched_at < now() - interval '5 min'
    limit page for update skip locked);
  update files set deleted_at = now() where id in (
    select f.id from files f
    where f.upload_id is not null and f.state = 'part' and f.deleted_at is null
      and not exists (select from uploads u
        where u.id = f.upload_id and u.status = 'pending' and u.expires_at > now())
    limit page for update skip locked);
  delete from uploads where id in (
    select id from uploads where expires_at < now() - interval '1 day'
    order by expires_at limit page for update skip locked);
end $$;

-- Down Migration
