-- Keeps the ledger append-only.
create or replace function refuse_ledger_change() returns trigger language plpgsql as $$
begin
  raise exception 'the ledger is append-only';
end $$;

create or replace trigger ledger_append_only before update or delete or truncate on ledger
  for each statement execute function refuse_ledger_change();
