create table providers (
  id integer generated always as identity primary key,
  name text not null unique,
  location text not null check (location in ('local', 'cloud')),
  slots integer not null check (slots between 1 and 10000),
  healthy boolean not null default true,
  health_changed_at timestamptz not null default now(),
  resting_until timestamptz,
  rest_ms integer,
  rest_reason text,
  tried_by text,
  tried_until timestamptz,
  engine jsonb
);

create table slot_holders (
  provider_id integer not null references providers,
  slot integer not null,
  worker text,
  machine text,
  pid integer,
  primary key (provider_id, slot)
);

create table wide_slot_waits (
  provider_id integer primary key references providers,
  worker text not null,
  slots integer not null check (slots > 0)
);
