-- Ends a batch when all its lines have ended and their results are written. Its key can see the
-- files from now on; an empty file is removed.
create or replace function finish_batch(of_batch text) returns boolean language plpgsql as $$
declare
  b batches;
begin
  select * into b from batches where id = of_batch for update;
  if b.state not in ('finalizing', 'expiring', 'cancelling') or b.written_line < b.total
     or (b.total is not null and exists (
       select from batch_lines where batch_id = of_batch and state in ('pending', 'open'))) then
    return false;
  end if;
  if b.total is null then
    -- The batch was stopped while its file was read.
    delete from batch_lines where batch_id = of_batch;
  end if;
  delete from files where id in (b.output_file_id, b.error_file_id) and bytes = 0;
  update files set state = 'processed', created_at = now(),
    expires_at = now() + coalesce(b.output_expires_s, 2592000) * interval '1 s'
  where id in (b.output_file_id, b.error_file_id);
  update batches set
    output_file_id = (select id from files where id = b.output_file_id),
    error_file_id = (select id from files where id = b.error_file_id)
  where id = of_batch;
  return end_batch(of_batch, b.state,
    case b.state when 'finalizing' then 'completed' when 'expiring' then 'expired'
      else 'cancelled' end);
end $$;
