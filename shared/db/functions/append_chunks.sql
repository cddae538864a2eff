-- Appends bytes to a file. The update locks the row, so that chunks of two callers do not overlap.
create or replace function append_chunks(of_file text, chunks bytea[]) returns void
language plpgsql as $$
declare
  size bigint := (select coalesce(sum(octet_length(c)), 0) from unnest(chunks) as c);
  base bigint;
begin
  update files set bytes = bytes + size where id = of_file returning bytes - size into base;
  insert into file_chunks (file_id, start, bytes)
  select of_file, base + coalesce(sum(octet_length(c)) over (
    order by ord rows between unbounded preceding and 1 preceding), 0), c
  from unnest(chunks) with ordinality as t(c, ord);
end $$;
