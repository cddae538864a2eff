create table budgets (
  id bigint generated always as identity primary key,
  key_id text not null references keys,
  limit_nanos bigint not null check (limit_nanos >= 0),
  period text not null check (period in ('day', 'week', 'month', 'total')),
  created_at timestamptz not null default now(),
  removed_at timestamptz
);
create unique index budgets_one_per_key on budgets (key_id) where removed_at is null;

create table budget_periods (
  id bigint generated always as identity primary key,
  budget_id bigint references budgets,
  period text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  limit_nanos bigint not null check (limit_nanos >= 0),
  settled_nanos bigint not null default 0 check (settled_nanos >= 0),
  held_nanos bigint not null default 0 check (held_nanos >= 0),
  unique (budget_id, period, starts_at)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
