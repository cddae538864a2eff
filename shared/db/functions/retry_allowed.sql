-- Tells whether the retry budget has room (invariant I9 in docs/architecture.md): repeated calls of
-- one provider that wait or run stay within 20 % of what is in flight there, and three are always
-- allowed. The caller has locked the provider's row.
create or replace function retry_allowed(provider_name text, job_id text) returns boolean
language sql as $$
  select (select count(*) from jobs j
          where j.provider = provider_name and j.retrying and j.state in ('waiting', 'running')
            and j.id <> retry_allowed.job_id)
    < greatest(3, floor(0.2 * (select count(*) from attempts a where a.provider = provider_name)))
$$;
