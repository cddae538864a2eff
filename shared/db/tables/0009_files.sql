-- Nothing here has a foreign key: a file goes in pages, and its row last.
create table files (
  id text primary key,
  key_id text not null,
  filename text not null,
  purpose text check (purpose in
    ('assistants', 'batch', 'batch_output', 'evals', 'fine-tune', 'user_data', 'vision')),
  bytes bigint not null default 0 check (bytes >= 0),
  state text not null check (state in ('uploading', 'writing', 'processed', 'part')),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  deleted_at timestamptz,
  touched_at timestamptz not null default now(),
  upload_id text,
  mime_type text,
  check (state <> 'processed' or purpose is not null)
) with (fillfactor = 80);
create index files_of_key on files (key_id, id);
create index files_uploading on files (id) where state = 'uploading';
create index files_expiring on files (expires_at)
  where deleted_at is null and expires_at is not null;
create index files_deleted on files (deleted_at) where deleted_at is not null;
create index files_of_upload on files (upload_id) where upload_id is not null;

create table file_chunks (
  file_id text not null,
  start bigint not null,
  -- It is not compressed, so that a slice is read without the rest.
  bytes bytea storage external not null,
  primary key (file_id, start)
) with (autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_scale_factor = 0.02);

create table uploads (
  id text primary key,
  key_id text not null,
  filename text not null,
  purpose text not null,
  mime_type text not null,
  bytes bigint not null check (bytes > 0),
  expires_after_s integer not null,
  status text not null default 'pending' check (status in ('pending', 'completed', 'cancelled')),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  parts integer not null default 0,
  part_bytes bigint not null default 0,
  file_id text,
  part_ids_hash bytea,
  check ((status = 'completed') = (file_id is not null))
);
create index uploads_expiring on uploads (expires_at);
