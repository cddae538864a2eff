-- Hides files that have expired, files whose uploader has died, and parts of uploads that nobody
-- can complete any more. Removes the row of an upload one day after the upload has expired.
create or replace function expire_files(page integer) returns void language plpgsql as $$
begin
  update files set deleted_at = now() where id in (
    select id from files where deleted_at is null and expires_at <= now()
    order by expires_at limit page for update skip locked);
  update files set deleted_at = now() where id in (
    select id from files
    where state = 'uploading' and deleted_at is null and touched_at < now() - interval '5 min'
    limit page for update skip locked);
  update files set deleted_at = now() where id in (
    select f.id from files f
    where f.upload_id is not null and f.state = 'part' and f.deleted_at is null
      and not exists (select from uploads u
        where u.id = f.upload_id and u.status = 'pending' and u.expires_at > now())
    limit page for update skip locked);
  delete from uploads where id in (
    select id from uploads where expires_at < now() - interval '1 day'
    order by expires_at limit page for update skip locked);
end $$;
