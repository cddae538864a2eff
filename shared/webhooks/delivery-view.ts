/** A delivery of one event to one endpoint. Times are Unix seconds. */
export interface DeliveryView {
  readonly id: string;
  readonly object: "webhook_delivery";
  readonly webhook_endpoint_id: string;
  /** `dead`: no attempt is left. `cancelled`: the endpoint was disabled or deleted first. */
  readonly state: "pending" | "delivered" | "dead" | "cancelled";
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly created_at: number;
    readonly data: { readonly id: string };
  };
  readonly created_at: number;
  readonly next_attempt_at: number | null;
  /** The last fifty, oldest first. An attempt with neither status nor error is still running. */
  readonly attempts: readonly {
    readonly attempt: number;
    readonly started_at: number;
    readonly status_code: number | null;
    readonly error: string | null;
    readonly duration_ms: number | null;
  }[];
}

export interface DeliveryRow extends Omit<
  DeliveryView,
  "object" | "webhook_endpoint_id" | "event"
> {
  readonly endpoint_id: string;
  readonly event_id: string;
  readonly type: string;
  readonly object_id: string;
  readonly event_created_at: number;
}

const seconds = (time: string): string => `floor(extract(epoch from ${time}))::float8`;

/** Selects deliveries `d` with their events; a `where` clause can follow. */
export const selectDeliveries = `
  select d.id, d.endpoint_id, v.id as event_id, v.type, v.object_id,
    case d.state when 'sending' then 'pending' else d.state end as state,
    ${seconds("v.created_at")} as event_created_at, ${seconds("d.created_at")} as created_at,
    case d.state when 'pending' then ${seconds("d.next_at")} end as next_attempt_at,
    coalesce((
      select jsonb_agg(jsonb_build_object('attempt', a.attempt,
        'started_at', ${seconds("a.started_at")}, 'status_code', a.status, 'error', a.error,
        'duration_ms', a.ms) order by a.attempt)
      from webhook_attempts a where a.delivery_id = d.id and a.attempt > d.attempts - 50
    ), '[]') as attempts
  from webhook_deliveries d join webhook_events v on v.id = d.event_id`;

export function toDeliveryView(row: DeliveryRow): DeliveryView {
  const { id, endpoint_id, event_id, type, object_id, event_created_at, ...rest } = row;
  return {
    id,
    object: "webhook_delivery",
    webhook_endpoint_id: endpoint_id,
    event: { id: event_id, type, created_at: event_created_at, data: { id: object_id } },
    ...rest,
  };
}
