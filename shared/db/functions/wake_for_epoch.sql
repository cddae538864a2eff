-- Makes one page of waiting jobs due for the sweep after a change of the queue's epoch: entries may
-- have been lost with the old epoch, and the sweep checks them. Returns how many jobs; 0 when the
-- epoch is known, all jobs have been woken, or another sweeper is doing it. After a crash the next
-- sweeper goes on where the last one stopped.
create or replace function wake_for_epoch(seen text, page integer) returns integer
language plpgsql as $$
declare
  known queue_epoch;
  last record;
  ids text[];
begin
  if exists (select from queue_epoch where epoch = seen) then
    return 0;
  end if;
  select * into known from queue_epoch for update skip locked;
  if known.only_row is null or known.epoch = seen then
    return 0;
  end if;
  if known.next is distinct from seen then
    known.next := seen;
    known.woken_at := 'infinity';
    known.woken_id := '';
  end if;
  ids := array(
    select j.id from jobs j
    where j.state = 'waiting' and (j.wake_at, j.id) < (known.woken_at, known.woken_id)
      and j.wake_at > now()
      -- Jobs of earlier pages have just been checked.
      and (j.checks = 0 or j.wake_at > now() + interval '5 s')
    order by j.wake_at desc, j.id desc limit page);
  select j.wake_at, j.id into last
  from jobs j where j.id = any (ids) order by j.wake_at, j.id limit 1;
  perform 1 from jobs where id = any (ids) order by id for update;
  update jobs set wake_at = now(), checks = 0 where id = any (ids) and state = 'waiting';
  if cardinality(ids) < page then
    update queue_epoch set epoch = seen, next = null, woken_at = null, woken_id = null;
  else
    update queue_epoch set next = seen, woken_at = last.wake_at, woken_id = last.id;
  end if;
  return cardinality(ids);
end $$;
