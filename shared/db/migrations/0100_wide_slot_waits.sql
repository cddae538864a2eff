-- Up Migration

-- The worker that waits for more of a provider's slots than its share, one at a time: until it has
-- them, or is gone, the others share the rest. A hint; what counts are the locks of the slots.
create table wide_slot_waits (
  provider_id integer primary key references providers,
  worker text not null,
  slots integer not null check (slots > 0)
);

-- Down Migration
