-- Asks jobs to end. A waiting job ends here; a running one gets the request written into its row,
-- for its worker. With `place`, a job that has moved on since then is left alone.
-- Members: job, place?, state (cancelled | expired | failed), code.
-- Verdicts: ended | running (with the worker that must stop) | already (with the state that stands)
-- | moved (it is at another place) | gone.
create or replace function end_jobs(members jsonb)
returns table (job_id text, verdict text, state text, worker text, error_code text)
language plpgsql as $$
#variable_conflict use_column
declare
  m jsonb;
  j jobs;
begin
  perform lock_jobs(array(select t.m ->> 'job' from jsonb_array_elements(members) as t(m)));
  for m in select t.m from jsonb_array_elements(members) with ordinality as t(m, ord) order by t.ord
  loop
    select * into j from jobs where id = m ->> 'job';
    job_id := m ->> 'job'; state := j.state; worker := null; error_code := j.error_code;
    if j.id is null then
      verdict := 'gone';
    elsif j.state not in ('waiting', 'running') then
      verdict := 'already';
    elsif j.place <> coalesce((m ->> 'place')::integer, j.place) then
      verdict := 'moved';
    elsif j.state = 'waiting' then
      perform end_job(j, j.hold_nanos, m ->> 'state', m ->> 'code', 0, 0);
      verdict := 'ended'; state := m ->> 'state'; error_code := m ->> 'code';
    else
      update jobs set cancel_reason = coalesce(cancel_reason, m ->> 'code') where id = j.id;
      select a.worker into worker from attempts a where a.job_id = j.id;
      verdict := 'running';
    end if;
    return next;
  end loop;
end $$;
