-- Adds a whole part to the upload that it was sent for. Returns null when the upload takes no more
-- or the part was given up; then the caller rolls back, so that the part is not counted.
create or replace function finish_part(
  of_part text, part_size bigint, max_parts integer, max_bytes bigint
) returns timestamptz language plpgsql as $$
declare
  finished_at timestamptz;
begin
  -- The upload is locked before the part, in the order of complete_upload and cancel_upload.
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
