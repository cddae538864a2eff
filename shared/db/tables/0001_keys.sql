create table keys (
  id text primary key,
  hash bytea not null unique check (octet_length(hash) = 32),
  hint text not null,
  name text not null,
  models text[],
  residency text not null default 'any' check (residency in ('local', 'any')),
  max_service_tier text not null default 'priority'
    check (max_service_tier in ('priority', 'default', 'flex')),
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz not null default now(),
  allow_webhook_url boolean not null default false,
  webhook_secret text
);
