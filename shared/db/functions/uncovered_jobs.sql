-- Finds, in a group of waiting jobs, those that a budget does not cover any more because its limit
-- was lowered after their admission. What is settled, the job's own hold and the holds of running
-- jobs must fit, in the order in which the jobs came. The holds of waiting jobs do not count
-- against one another. A budget exceeds its limit only after somebody lowered it, so most budgets
-- are only read here and not locked.
create or replace function uncovered_jobs(ids text[]) returns text[] language plpgsql as $$
declare
  j record;
  chosen text[] := '{}';
  uncovered text[] := '{}';
begin
  if not exists (
    select from jobs w join budget_periods p on p.id = any (w.period_ids)
    where w.id = any (ids) and p.settled_nanos + p.held_nanos > p.limit_nanos
  ) then
    return uncovered;
  end if;
  -- Two workers may claim jobs of one such budget. The second one sees what the first has begun.
  perform 1 from budget_periods p
  where p.id in (select unnest(w.period_ids) from jobs w where w.id = any (ids))
  order by p.id for update;
  for j in
    select w.id, w.hold_nanos, w.period_ids from jobs w where w.id = any (ids)
    order by w.accepted_at, w.id
  loop
    if exists (
      select from budget_periods p
      where p.id = any (j.period_ids) and p.settled_nanos + p.held_nanos > p.limit_nanos
        and p.settled_nanos + j.hold_nanos + (
          select coalesce(sum(r.hold_nanos), 0) from jobs r
          where p.id = any (r.period_ids)
            and r.id = any (chosen || array(select a.job_id from attempts a))
        ) > p.limit_nanos
    ) then
      uncovered := uncovered || j.id;
    else
      chosen := chosen || j.id;
    end if;
  end loop;
  return uncovered;
end $$;
