-- Gives up the upload of a file and removes a page of its rows. Returns how many rows went; 0 when
-- none is left.
create or replace function discard_upload(of_file text, page integer) returns integer
language plpgsql as $$
begin
  update files set deleted_at = coalesce(deleted_at, now())
  where id = of_file and state = 'uploading';
  if not found then
    return 0;
  end if;
  return purge_file(of_file, page);
end $$;
