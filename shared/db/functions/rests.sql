-- Tells whether a batch is paused: its next try is later, and its time is not up.
create or replace function rests(b batches) returns boolean language sql stable as $$
  select b.state = 'in_progress' and b.paused is not null and b.feed_at > now()
    and b.deadline_at > now()
$$;
