-- Drops a page of lines of ended batches, whose files and sums have the results. Returns how many
-- rows went, and one more for each batch that has none left.
create or replace function forget_batch_lines(page integer) returns integer language plpgsql as $$
declare
  of_batch text;
  lines integer;
  gone integer := 0;
begin
  for of_batch in
    select id from batches where not lines_gone and ended_at < now() - interval '1 h'
    order by ended_at limit page for update skip locked
  loop
    delete from batch_lines where batch_id = of_batch and line in (
      select line from batch_lines where batch_id = of_batch order by line limit page - gone);
    get diagnostics lines = row_count;
    if lines < page - gone then
      update batches set lines_gone = true where id = of_batch;
      lines := lines + 1;
    end if;
    gone := gone + lines;
    exit when gone >= page;
  end loop;
  return gone;
end $$;
