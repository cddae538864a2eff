-- Cancels an upload and hides its parts. Returns false when the upload is not pending.
create or replace function cancel_upload(of_upload text, of_key text) returns boolean
language plpgsql as $$
begin
  update uploads set status = 'cancelled'
  where id = of_upload and key_id = of_key and status = 'pending'
    and expires_at > clock_timestamp();
  if not found then
    return false;
  end if;
  update files set deleted_at = now()
  where upload_id = of_upload and state = 'part' and deleted_at is null;
  return true;
end $$;
