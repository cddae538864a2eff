-- Takes locks in the one order that every statement keeps: jobs by id, then their budget periods by
-- id.
create or replace function lock_jobs(ids text[]) returns void language plpgsql as $$
begin
  perform 1 from jobs where id = any (ids) order by id for update;
  perform 1 from budget_periods p
  where p.id in (select unnest(j.period_ids) from jobs j where j.id = any (ids))
  order by p.id for update;
end $$;
