-- Moves a batch to its next state when its time is up or all its lines have ended. If the batch is
-- stopping, this also ends a page of the lines that have no job yet. Returns the batch's state.
create or replace function turn_batch(of_batch text, page integer) returns text
language plpgsql as $$
declare
  b batches;
begin
  update batches set state = 'expiring', finalizing_at = now(), paused = null,
    paused_message = null, paused_at = null
  where id = of_batch and state in ('validating', 'in_progress') and deadline_at <= now();
  update batches set state = 'finalizing', finalizing_at = now()
  where id = of_batch and state = 'in_progress'
    and not exists (select from batch_lines where batch_id = of_batch and state = 'pending')
    and not exists (select from batch_lines where batch_id = of_batch and state = 'open');
  select * into b from batches where id = of_batch;
  if b.state in ('expiring', 'cancelling') and b.total is not null then
    update batch_lines
    set state = case b.state when 'expiring' then 'expired' else 'cancelled' end
    -- With an array, a plan made without statistics does not look up the page for each line.
    where batch_id = of_batch and line = any (array(
      select line from batch_lines where batch_id = of_batch and state = 'pending'
      order by line limit page for update skip locked));
  end if;
  return b.state;
end $$;
