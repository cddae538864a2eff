-- Asks a key's batch to end. Its feeder ends the lines that have no job yet and stops the jobs that
-- run.
create or replace function cancel_batch(of_key text, of_batch text) returns void language sql as $$
  update batches set state = 'cancelling', cancelling_at = now(), paused = null,
    paused_message = null, paused_at = null
  where id = of_batch and key_id = of_key and state in ('validating', 'in_progress')
$$;
