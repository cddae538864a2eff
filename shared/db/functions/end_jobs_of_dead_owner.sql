-- Ends the waiting jobs of an API process that is gone and asks its running jobs to stop. Returns
-- the ids of the jobs that ended.
create or replace function end_jobs_of_dead_owner(lost_owner text) returns setof text
  language sql as $$
  select e.job_id
  from end_jobs((
    select coalesce(jsonb_agg(jsonb_build_object('job', id, 'state', 'cancelled',
      'code', 'owner_lost')), '[]')
    from jobs
    where state in ('waiting', 'running') and interactive and owner = lost_owner)) as e
  where e.verdict = 'ended'
$$;
