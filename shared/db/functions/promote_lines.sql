-- Moves the waiting jobs of a batch whose time is nearly up to a higher class, at a new place. The
-- caller queues them again.
create or replace function promote_lines(of_batch text, to_class smallint)
returns table (job_id text, place integer, provider text, key_id text)
language plpgsql as $$
#variable_conflict use_column
declare
  ids text[];
begin
  ids := array(
    select j.id from batch_lines l join jobs j on j.id = l.job_id
    where l.batch_id = of_batch and l.state = 'open' and j.state = 'waiting' and j.class > to_class
    order by j.id for update of j skip locked);
  return query
    update jobs j set class = to_class, place = j.place + 1, checks = 0,
      wake_at = least(j.deadline_at, now() + interval '5 s')
    where j.id = any (ids) and j.state = 'waiting' and j.class > to_class
    returning j.id, j.place, j.provider, j.key_id;
end $$;
