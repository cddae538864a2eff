-- Tells a reader whether it may show a part of an attempt's answer. From then on no other attempt
-- of the job may follow, or its readers would see parts of two answers as one.
create or replace function read_attempt(of_job text, of_fence integer) returns boolean
language sql as $$
  with marked as (
    update jobs set read_fence = of_fence
    where id = of_job and fence = of_fence and read_fence <> of_fence and state = 'running'
    returning 1
  )
  select exists (select from marked) or exists (
    select from jobs where id = of_job and fence = of_fence
      and (read_fence = of_fence or state not in ('waiting', 'running')))
$$;
