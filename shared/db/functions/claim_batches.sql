-- Lends batches to a worker to feed: the next live ones that nobody feeds. Pages follow one
-- another, so one owner's many batches do not keep the batches of others waiting.
create or replace function claim_batches(of_worker text, after_id text, page integer)
returns setof batches
language plpgsql as $$
begin
  update batches set feeder = of_worker, feeder_until = now() + interval '3 s'
  where id = any (array(
    select id from batches b
    where ended_at is null and id > after_id and not rests(b)
      and (feeder is null or feeder_until < now()
        or (feeder = of_worker and feeder_until < now() + interval '1.5 s'))
    order by id limit page for update skip locked));
  return query
    select * from batches b
    where ended_at is null and id > after_id and not rests(b)
      and feeder = of_worker and feeder_until > now()
    order by id limit page;
end $$;
