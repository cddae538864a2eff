-- Sums up the lines of a batch: completed, failed (all ended lines without an answer), tokens and
-- cost.
create or replace function sum_batch(of_batch text) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'completed', count(*) filter (where state = 'done'),
    'failed', count(*) filter (where state not in ('pending', 'open', 'done')),
    'input_tokens', coalesce(sum(input_tokens), 0),
    'cached_tokens', coalesce(sum(cached_tokens), 0),
    'output_tokens', coalesce(sum(output_tokens), 0),
    'reasoning_tokens', coalesce(sum(reasoning_tokens), 0),
    'cost_nanos', coalesce(sum(cost_nanos), 0)::text)
  from batch_lines where batch_id = of_batch
$$;
