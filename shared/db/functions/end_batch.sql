-- Ends a batch and emits its event in the same statement. Returns false when the batch was not in
-- `from_state`.
create or replace function end_batch(
  of_batch text, from_state text, to_state text, of_errors text default null
)
returns boolean language plpgsql as $$
declare
  b batches;
begin
  update batches set state = to_state, ended_at = now(), errors = of_errors, sums = sum_batch(id),
    paused = null, paused_message = null, paused_at = null, feeder = null, feeder_until = null
  where id = of_batch and state = from_state
  returning * into b;
  if b.id is null then
    return false;
  end if;
  perform emit_event(b.key_id, 'batch.' || to_state, b.id, null);
  return true;
end $$;
