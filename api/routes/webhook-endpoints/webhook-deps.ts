import type { Pool } from "pg";
import type { EgressPolicy } from "../../../shared/egress/egress-policy.ts";

/** What the webhook routes need. */
export interface WebhookDeps {
  readonly pool: Pool;
  readonly egress: Pick<EgressPolicy, "checkUrl" | "checkResolved">;
  /** How long a test waits for a worker to send it and for the endpoint to answer; 30 s by default. */
  readonly testWaitMs?: number;
}
