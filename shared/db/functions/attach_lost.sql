-- Gives a job whose connection was lost to the retry of its caller, once. Returns the job's id;
-- null when there is no such job. It waits for a locked job, which a worker claims or settles: to
-- pass it over would run the request twice.
create or replace function attach_lost(
  of_key text, of_hash bytea, by_waiter text, within_ms integer
)
returns text language sql as $$
  update jobs set lost_at = null, waiter = by_waiter
  where id = (
    select id from jobs
    where lost_at > now() - within_ms * interval '1 ms' and key_id = of_key
      and request_hash = of_hash and deleted_at is null
      and state in ('waiting', 'running', 'done') and cancel_reason is null
    order by accepted_at limit 1 for update)
  returning id
$$;
