-- Appends the results of the lines after `from_line` up to `to_line` to a batch's files, once.
-- Returns false when somebody else has appended them. `usage` has the line and the tokens of each
-- answer; `lost` has the lines whose jobs are done and whose answers are gone.
create or replace function write_batch_lines(of_batch text, from_line integer, to_line integer,
  output bytea[], errors bytea[], usage jsonb, lost integer[]) returns boolean
language plpgsql as $$
declare
  b batches;
begin
  update batches set written_line = to_line
  where id = of_batch and written_line = from_line and ended_at is null
  returning * into b;
  if b.id is null then
    return false;
  end if;
  perform append_chunks(b.output_file_id, output);
  perform append_chunks(b.error_file_id, errors);
  update batch_lines l
  set input_tokens = u.input, cached_tokens = u.cached, output_tokens = u.output,
    reasoning_tokens = u.reasoning
  from jsonb_to_recordset(usage)
    as u(line integer, input integer, cached integer, output integer, reasoning integer)
  where l.batch_id = of_batch and l.line = u.line;
  update batch_lines set state = 'failed' where batch_id = of_batch and line = any (lost);
  return true;
end $$;
