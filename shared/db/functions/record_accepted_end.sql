-- Drops the parts of an ended job that nobody needs any more, ends its batch line and emits its
-- events, in the statement that ends the job, whichever that is.
-- After three ends the line is fed again, as another job: the job could not be paid for at its next
-- target, its key expired before it ran, or its provider failed. After a failed provider the line
-- waits before it is fed again, and that happens twice at most. While the provider fails other jobs
-- too, it happens up to 16 times with ever longer pauses, which takes hours.
create or replace function record_accepted_end() returns trigger language plpgsql as $$
declare
  outcome text := case new.state when 'done' then 'completed' else new.state end;
  is_response boolean := new.endpoint = 'responses';
  is_unpaid boolean := new.batch_id is not null
    and new.error_code is not distinct from 'insufficient_quota'
    and exists (select from batches b where b.id = new.batch_id and b.state = 'in_progress');
  -- The batch is paused for its key and goes on if the key becomes valid again.
  is_keyless boolean := new.batch_id is not null
    and new.error_code is not distinct from 'key_expired'
    and exists (select from batches b where b.id = new.batch_id and b.state = 'in_progress');
  is_passing boolean := new.batch_id is not null and new.state = 'failed'
    and passes_with_time(new.error_code)
    and exists (select from batches b where b.id = new.batch_id and b.state = 'in_progress');
  is_again boolean;
  -- The provider fails others too, so the fault is not the line's.
  is_sick boolean := is_passing and is_failing(new.provider, new.batch_id, new.batch_line);
begin
  if not new.stored then
    update job_requests set body = null where job_id = new.id;
  end if;
  if new.deleted_at is not null then
    -- The job's attempt sent these events after the deletion.
    delete from job_events where job_id = new.id;
  end if;
  if new.batch_id is not null then
    is_again := is_unpaid or is_keyless or (is_passing and exists (
      select from batch_lines where job_id = new.id
        and case when is_sick then tries < 16 else failures < 2 end));
    update batch_lines set cost_nanos = cost_nanos + new.cost_nanos,
      state = case when is_again then 'pending' else new.state end,
      job_id = case when is_again then new_id('job') else job_id end,
      unpaid = is_unpaid,
      tries = tries + is_passing::integer,
      failures = failures + (is_passing and not is_sick)::integer,
      feed_at = case when is_passing
        then now() + least(2 ^ (1 + tries), 3600) * (0.5 + random() / 2) * interval '1 s' end
    where job_id = new.id and state = 'open';
  end if;
  if new.notify and new.deleted_at is null then
    perform emit_event(new.key_id, 'job.' || outcome, new.id,
      case when not is_response then new.webhook_url end);
    if is_response then
      perform emit_event(new.key_id,
        'response.' || case new.state when 'done' then coalesce(new.response_status, 'completed')
          when 'expired' then 'failed' else new.state end,
        'resp_' || substr(new.id, 5), new.webhook_url);
    end if;
  end if;
  return null;
end $$;

create or replace trigger accepted_jobs_end after update of state on jobs for each row
  when (not new.interactive and new.ended_at is not null and old.ended_at is null)
  execute function record_accepted_end();
