/**
 * Each query returns the rows of a database at rest that break a rule for accepted jobs. An
 * endpoint that was changed after a job's end may not have been registered for that event at the
 * time.
 */
export const ACCEPTED_JOB_RULES: Readonly<Record<string, string>> = {
  "an accepted job without a request": `
    select id as what from jobs j
    where not interactive and deleted_at is null
      and not exists (select from job_requests where job_id = j.id)`,
  "a done job without a result": `
    select id as what from jobs j
    where not interactive and state = 'done' and deleted_at is null
      and not exists (select from job_results r
        where r.job_id = j.id and (r.body is not null or r.events is not null))`,
  "a stored request that nobody needs": `
    select r.job_id || ' ' || j.state as what from job_requests r join jobs j on j.id = r.job_id
    where r.body is not null and not j.stored and j.state not in ('waiting', 'running')`,
  "a stored response without its request": `
    select j.id as what from jobs j join job_requests r on r.job_id = j.id
    where j.stored and j.deleted_at is null and r.body is null`,
  "something stored of a job that is deleted, interactive or unknown": `
    select s.job_id || ' ' || s.what as what
    from (select job_id, 'request' as what from job_requests
      union all select job_id, 'result' from job_results) as s
    left join jobs j on j.id = s.job_id
    where j.id is null or j.interactive or j.deleted_at is not null`,
  "an idempotency key that leads nowhere": `
    select i.key_id || ' ' || i.path || ' ' || i.idem_key as what from idempotency_keys i
    left join jobs j on j.id = i.job_id and j.key_id = i.key_id and not j.interactive
    where (i.job_id is not null and j.id is null) or ((i.job_id is null) = (i.status is null))`,
  "a job with several idempotency keys": `
    select job_id as what from idempotency_keys
    where job_id is not null group by job_id having count(*) > 1`,
  "an end that was not told once": `
    select e.object || ' ' || e.type || ' ' || count(v.id) as what
    from jobs j
    cross join lateral (
      values ('job.' || case j.state when 'done' then 'completed' else j.state end, j.id),
        (case when j.endpoint = 'responses' then 'response.' || case j.state
            when 'done' then coalesce(j.response_status, 'completed')
            when 'expired' then 'failed' else j.state end end, 'resp_' || substr(j.id, 5))
    ) as e(type, object)
    left join webhook_events v on v.type = e.type and v.object_id = e.object
    where not j.interactive and j.notify and j.ended_at is not null and j.deleted_at is null
      and exists (select from webhook_endpoints w
        where w.key_id = j.key_id and e.type = any (w.event_types) and w.updated_at < j.ended_at
          and coalesce(w.disabled_at > j.ended_at, true))
    group by e.object, e.type having count(v.id) <> 1`,
  "an end that was told, and is not so": `
    select v.object_id || ' ' || v.type as what
    from webhook_events v
    left join jobs j on j.id = case when v.object_id like 'resp\\_%'
      then 'job_' || substr(v.object_id, 6) else v.object_id end
    where v.type ~ '^(job|response)\\.' and v.object_id ~ '^(job|resp)_' and (
      j.id is null or not j.notify or split_part(v.type, '.', 2) <> case
        when j.state = 'done' and v.type ~ '^response' then coalesce(j.response_status, 'completed')
        when j.state = 'done' then 'completed'
        when j.state = 'expired' and v.type ~ '^response' then 'failed'
        else j.state end)`,
  "a webhook that goes to nobody": `
    select v.id as what from webhook_events v
    where not exists (select from webhook_deliveries d where d.event_id = v.id)`,
  "a delivery that is not what its attempts were": `
    select d.id || ' ' || d.state as what from webhook_deliveries d
    where (d.state = 'delivered' and not exists (select from webhook_attempts a
        where a.delivery_id = d.id and a.status between 200 and 299))
      or d.attempts <> (select count(*) from webhook_attempts a where a.delivery_id = d.id)`,
};
