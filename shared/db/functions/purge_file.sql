-- Removes a page of chunks of a deleted file, whose row the caller has locked, and with the last of
-- them the row. It starts at the end, so that what is left has no gap. Returns how many rows went.
create or replace function purge_file(of_file text, page integer) returns integer
language plpgsql as $$
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
