-- Lets the lines of a batch run, when all of them are written and sound. Returns false when the
-- batch was cancelled meanwhile or another worker was faster.
create or replace function begin_batch(of_batch text, lines integer) returns boolean
language plpgsql as $$
declare
  b batches;
begin
  update batches set state = 'in_progress', in_progress_at = now(), total = lines,
    models = array(
      select distinct model from batch_lines l where l.batch_id = of_batch order by model),
    output_file_id = 'file-' || substr(new_id('file'), 6),
    error_file_id = 'file-' || substr(new_id('file'), 6)
  where id = of_batch and state = 'validating'
    and lines = (select count(*) from batch_lines l where l.batch_id = of_batch)
  returning * into b;
  if b.id is null then
    return false;
  end if;
  insert into files (id, key_id, filename, purpose, bytes, state)
  select f.id, b.key_id, b.id || f.name, 'batch_output', 0, 'writing'
  from (values (b.output_file_id, '_output.jsonl'), (b.error_file_id, '_error.jsonl'))
    as f(id, name);
  return true;
end $$;
