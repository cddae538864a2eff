-- Writes lines of a file that is being read. Lines of an earlier reader stay. Returns false when
-- the file need not be read any more.
create or replace function add_batch_lines(of_batch text, lines jsonb) returns boolean
language plpgsql as $$
begin
  if not exists (select from batches where id = of_batch and state = 'validating') then
    return false;
  end if;
  insert into batch_lines (batch_id, line, custom_id, start, length, model, job_id)
  select of_batch, l.line, l.custom_id, l.start, l.length, l.model, new_id('job')
  from jsonb_to_recordset(lines)
    as l(line integer, custom_id text, start bigint, length integer, model text)
  on conflict (batch_id, line) do nothing;
  return true;
end $$;
