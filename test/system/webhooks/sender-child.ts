import { pino } from "pino";
import { createEgressPolicy } from "../../../shared/egress/egress-policy.ts";
import { createGuardedAgent } from "../../../shared/egress/guarded-agent.ts";
import { createPool } from "../../../shared/db/pool.ts";
import { WebhookSender } from "../../../workers/webhooks/webhook-sender.ts";

/** This worker only sends webhooks; a test kills it. */
const [, , connectionString = ""] = process.argv;
const sender = new WebhookSender({
  pool: createPool({
    connectionString,
    maxConnections: 1,
    applicationName: "sender-child",
    onIdleError: () => undefined,
  }),
  agent: createGuardedAgent(createEgressPolicy({ allowNetworks: ["127.0.0.0/8"] })),
  log: pino({ level: "silent" }),
  timeoutMs: 1_000,
});
void sender.round().then(() => sender.idle());
