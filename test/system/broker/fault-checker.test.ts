import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestBroker } from "../../support/broker.ts";
import { findDifferences } from "../../support/checker.ts";
import { ask } from "./ask.ts";
import { expectAtRest, richKey, startFaultBroker } from "./fault-rig.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startFaultBroker();
});
afterAll(() => broker.stop());

/** Calls the GPU directly, without the broker. */
async function callUpstream(requestId: string): Promise<void> {
  const response = await fetch(`${broker.upstreams["gpu"]?.url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-client-request-id": requestId },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Hello" }] }),
  });
  await response.text();
}

test("the checker sees what the broker did not do", async () => {
  const answer = await ask(broker, { key: await richKey(broker) });
  const call = `${answer.headers.get("x-spillway-job-id")}.1`;
  await expectAtRest(broker);
  await callUpstream("job_foreign.1");
  await callUpstream(call);
  const { pool } = broker.database;
  await pool.query(
    "update budget_periods set held_nanos = 5, settled_nanos = settled_nanos + 1 where settled_nanos > 0",
  );
  await pool.query("update jobs set tries = 2");
  expect(await findDifferences(broker)).toEqual([
    "gpu saw job_foreign.1, which has no ledger row there",
    `gpu saw ${call} 2 times`,
    expect.stringMatching(/^a budget period with a hold: \d+ holds 5$/),
    expect.stringMatching(/^a budget that disagrees with the ledger: /),
    expect.stringMatching(/^a job that disagrees with the ledger: /),
  ]);
});
