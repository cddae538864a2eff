-- Ends a line that never became a job, because its request cannot be run.
create or replace function refuse_line(of_job text, why text) returns void language sql as $$
  update batch_lines set state = 'refused', refusal = why
  where job_id = of_job and state = 'pending'
$$;
