-- Lets jobs that wait at a provider that is down overflow at once, if their route allows it. A job
-- that has a serve target which is up and has not failed it does not overflow: reroute_jobs moves
-- it there. The jobs become due as of their arrival, so that the oldest goes first.
create or replace function overflow_now(down_provider text, up_providers text[]) returns void
language sql as $$
  update jobs set overflow_at = accepted_at
  where id in (
    select j.id from jobs j
    where j.state = 'waiting' and j.provider = down_provider and j.overflow_on_failure
      and coalesce(j.overflow_at > now(), true)
      and not exists (
        select from jsonb_array_elements(j.plan) as t(item)
        where t.item ->> 'role' = 'serve' and t.item ->> 'provider' = any (up_providers)
          and not exists (
            select from ledger l
            where l.job_id = j.id and l.provider = t.item ->> 'provider'
              and l.status <> 'not_sent'))
    order by j.id for update skip locked)
$$;
