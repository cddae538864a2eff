/** An endpoint as its key sees it: OpenAI's object, with the reason if it is disabled. */
export interface EndpointView {
  readonly id: string;
  readonly object: "webhook_endpoint";
  readonly name: string;
  readonly url: string;
  readonly event_types: readonly string[];
  readonly signing_secret_hint: string;
  /** Times are Unix seconds. */
  readonly created_at: number;
  readonly updated_at: number;
  readonly enabled: boolean;
  readonly disabled_reason: "gone" | "failing" | "owner" | null;
  readonly disabled_at: number | null;
}

export interface EndpointRow {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly event_types: string[];
  readonly secret: string;
  readonly enabled: boolean;
  readonly disabled_reason: EndpointView["disabled_reason"];
  readonly disabled_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export const endpointColumns = `id, name, url, event_types, secret, enabled, disabled_reason,
  disabled_at, created_at, updated_at`;

/** Makes the view of an endpoint, which leaves out its secret. */
export function toEndpointView(row: EndpointRow): EndpointView {
  return {
    id: row.id,
    object: "webhook_endpoint",
    name: row.name,
    url: row.url,
    event_types: row.event_types,
    signing_secret_hint: `whsec_...${row.secret.slice(-4)}`,
    created_at: unixSeconds(row.created_at),
    updated_at: unixSeconds(row.updated_at),
    enabled: row.enabled,
    disabled_reason: row.disabled_reason,
    disabled_at: row.disabled_at && unixSeconds(row.disabled_at),
  };
}

function unixSeconds(time: Date): number {
  return Math.floor(time.getTime() / 1_000);
}
