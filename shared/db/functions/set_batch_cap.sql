-- Sets the most that a live batch may cost, and lets a paused batch be tried at once. Returns false
-- when the batch has ended or has no cap.
create or replace function set_batch_cap(of_batch text, nanos bigint) returns boolean
language plpgsql as $$
declare
  cap bigint;
begin
  update batches set feed_at = now(), metadata = jsonb_set(metadata::jsonb, '{max_cost_usd}',
    to_jsonb(trim_scale(nanos * 0.000000001)::text))::text
  where id = of_batch and ended_at is null and cap_period_id is not null
  returning cap_period_id into cap;
  update budget_periods set limit_nanos = nanos where id = cap;
  return cap is not null;
end $$;
