-- Adds the response of a job to its conversation, in the statement that settles the job. PostgreSQL
-- does not look into the response: it cannot read JSON text with a NUL or half a surrogate pair in
-- a string, and the end of a job must not depend on that. The next reader of the conversation makes
-- items of the response.
create or replace function append_turn() returns trigger language plpgsql as $$
begin
  if new.error is null and new.body is not null then
    update conversation_turns t
    set turn = nextval('conversation_turn_numbers'), body = new.body, compressed = new.compressed
    where t.job_id = new.job_id
      and exists (select from conversations c where c.id = t.conversation_id);
    if found then
      return null;
    end if;
  end if;
  delete from conversation_turns where job_id = new.job_id;
  return null;
end $$;

create or replace trigger append_turn after insert on job_results
  for each row execute function append_turn();
