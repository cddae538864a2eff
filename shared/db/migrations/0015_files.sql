-- Up Migration

-- Nothing here has a foreign key: a file goes in pages, and its row last.

create table files (
  id text primary key,
  key_id text not null,
  filename text not null,
  -- Null while it is uploaded: the form may tell it after the file.
  purpose text check (purpose in ('batch', 'batch_output')),
  -- So far, while it grows.
  bytes bigint not null default 0 check (bytes >= 0),
  -- writing: a worker appends to it. Only processed files can be seen.
  state text not null check (state in ('uploading', 'writing', 'processed')),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  -- From then on nobody sees it; its bytes go soon after.
  deleted_at timestamptz,
  -- When its uploader last gave a sign of life.
  touched_at timestamptz not null default now(),
  check (state <> 'processed' or purpose is not null)
) with (fillfactor = 80);
create index files_of_key on files (key_id, id);
create index files_uploading on files (id) where state = 'uploading';
create index files_expiring on files (expires_at)
  where deleted_at is null and expires_at is not null;
create index files_deleted on files (deleted_at) where deleted_at is not null;

create table file_chunks (
  file_id text not null,
  -- Of its first byte in the file. Chunks follow one another without gaps; none is over 256 KiB.
  start bigint not null,
  bytes bytea not null,
  primary key (file_id, start)
);
-- Not compressed: a slice is read without the rest.
alter table file_chunks alter column bytes set storage external;
alter table file_chunks set (autovacuum_vacuum_scale_factor = 0.02,
  toast.autovacuum_vacuum_scale_factor = 0.02);

-- Removes a page of chunks of a file that is deleted, and whose row the caller has locked, and with
-- the last of them the row. From the end, so that what is left has no gap. Returns how many rows went.
create function purge_file(of_file text, page integer) returns integer language plpgsql as $$
declare
  gone integer;
begin
  delete from file_chunks where file_id = of_file and start in (
    select start from file_chunks where file_id = of_file order by start desc limit page);
  get diagnostics gone = row_count;
  if gone < page then
    delete from files where id = of_file and deleted_at is not null;
    gone := gone + 1;
  end if;
  return gone;
end $$;

-- Gives up an upload, of which a page of rows goes. Returns how many; 0: there is none any more.
create function discard_upload(of_file text, page integer) returns integer language plpgsql as $$
begin
  update files set deleted_at = coalesce(deleted_at, now())
  where id = of_file and state = 'uploading';
  if not found then
    return 0;
  end if;
  return purge_file(of_file, page);
end $$;

-- Nobody sees any more what has expired, nor what an uploader left behind who has died.
create function expire_files(page integer) returns void language plpgsql as $$
begin
  update files set deleted_at = now() where id in (
    select id from files where deleted_at is null and expires_at <= now()
    order by expires_at limit page for update skip locked);
  update files set deleted_at = now() where id in (
    select id from files
    where state = 'uploading' and deleted_at is null and touched_at < now() - interval '5 min'
    limit page for update skip locked);
end $$;

-- Down Migration
