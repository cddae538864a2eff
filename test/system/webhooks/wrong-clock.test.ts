import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { createEgressPolicy } from "../../../shared/egress/egress-policy.ts";
import { createGuardedAgent } from "../../../shared/egress/guarded-agent.ts";
import { warnOfClockSkew } from "../../../shared/db/clock-skew.ts";
import { WebhookSender } from "../../../workers/webhooks/webhook-sender.ts";
import { sendAll, startWebhooks, type WebhookRig } from "./webhook-rig.ts";

const HOUR_MS = 3_600_000;

let rig: WebhookRig;
beforeAll(async () => {
  rig = await startWebhooks();
});
afterAll(() => rig[Symbol.asyncDispose]());
afterEach(() => {
  vi.useRealTimers();
});

test.each([-HOUR_MS, HOUR_MS])(
  "on a machine whose clock is %d ms off, deliveries are signed with the database's time",
  async (offMs) => {
    await rig.reset();
    await rig.endpoint("/hook");
    await rig.emit();
    const agent = createGuardedAgent(createEgressPolicy({ allowNetworks: ["127.0.0.0/8"] }));
    const log = { warn: () => undefined, error: () => undefined };
    const sender = new WebhookSender({ pool: rig.pool, agent, log });
    const rightMs = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: rightMs + offMs });
    await sendAll(sender);
    vi.useRealTimers();
    expect(rig.receiver.received).toHaveLength(1);
    const sentS = Number(rig.receiver.received[0]?.headers["webhook-timestamp"]);
    expect(Math.abs(sentS - rightMs / 1_000)).toBeLessThan(60);
    await sender.stop(0);
    await agent.destroy();
  },
);

test("a clock more than a minute from the database's is warned of at the start", async () => {
  const warnings: { skewMs: number; message: string }[] = [];
  const log = {
    warn: (fields: object, message: string) =>
      void warnings.push({ ...(fields as { skewMs: number }), message }),
  };
  for (const offMs of [0, 50_000, -50_000, -HOUR_MS, HOUR_MS])
    await warnOfClockSkew(rig.pool, log, () => Date.now() + offMs);
  expect(warnings.map(({ message }) => message)).toEqual([
    expect.stringMatching(/clock is 3\d+ s behind the database's/),
    expect.stringMatching(/clock is 3\d+ s ahead of the database's/),
  ]);
});
