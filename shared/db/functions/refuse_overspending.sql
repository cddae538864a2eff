-- This is the last guard of invariant I3 in docs/architecture.md: no statement may raise settled +
-- held above the limit. A limit that is lowered below what is already spent stays legal.
create or replace function refuse_overspending() returns trigger language plpgsql as $$
begin
  if new.settled_nanos + new.held_nanos > new.limit_nanos
     and new.settled_nanos + new.held_nanos > old.settled_nanos + old.held_nanos then
    raise exception 'budget period % would be overspent', new.id using errcode = 'check_violation';
  end if;
  return new;
end $$;

create or replace trigger budget_periods_never_overspent before update on budget_periods
  for each row execute function refuse_overspending();
