-- Makes an id for a row that is made in the database: a kind and a UUID of version 7.
create or replace function new_id(kind text) returns text language sql volatile as $$
  select kind || '_'
    || lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
    || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14)
$$;
