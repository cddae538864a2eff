-- Removes a page of rows of files that are deleted or expired, but not while a live batch reads
-- them. Returns how many.
create or replace function purge_files(page integer) returns integer language plpgsql as $$
declare
  of_file text;
  gone integer := 0;
begin
  perform expire_files(page);
  for of_file in
    select id from files
    where deleted_at is not null
      and not exists (select from batches b where b.input_file_id = files.id and b.ended_at is null)
    order by deleted_at limit page for update skip locked
  loop
    gone := gone + purge_file(of_file, page - gone);
    exit when gone >= page;
  end loop;
  return gone;
end $$;
