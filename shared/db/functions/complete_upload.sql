-- Makes one file of the parts of an upload, once.
-- Verdicts:
--   completed                   (also when the same parts were named before)
--   missing | closed | expired  (the upload takes no more)
--   part                        (the id at position `figure` is not one of its parts)
--   size                        (the parts have `figure` bytes in all)
create or replace function complete_upload(
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
  -- The bytes themselves stay where they are.
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
