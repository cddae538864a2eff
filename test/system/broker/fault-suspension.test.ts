import { afterEach, describe, expect, test } from "vitest";
import type { Fault } from "../../../cli/simulate/faults.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, contentOf, errorOf } from "./ask.ts";
import { expectAtRest, richKey, rowsOf, startFaultBroker } from "./fault-rig.ts";

let broker: TestBroker;
afterEach(() => broker.stop());

const faults: readonly {
  what: string;
  fault: Fault;
  code: string;
  status: number;
  reason: string;
}[] = [
  {
    what: "401",
    fault: { type: "status", status: 401 },
    code: "upstream_failed",
    status: 502,
    reason: "auth",
  },
  {
    what: "403 for its key",
    fault: { type: "status", status: 403, body: { error: { message: "Invalid API key." } } },
    code: "upstream_failed",
    status: 502,
    reason: "auth",
  },
  {
    what: "insufficient_quota",
    fault: {
      type: "status",
      status: 429,
      body: { error: { message: "You exceeded your quota", code: "insufficient_quota" } },
    },
    code: "no_capacity",
    status: 503,
    reason: "quota_exhausted",
  },
  {
    what: "402",
    fault: { type: "status", status: 402 },
    code: "no_capacity",
    status: 503,
    reason: "quota_exhausted",
  },
];

describe.each(faults)("a provider that answers $what", ({ fault, code, status, reason }) => {
  test("fails a job that can go nowhere else, after one call", async () => {
    broker = await startFaultBroker();
    const key = await richKey(broker);
    broker.upstreams["gpu"]?.setFault(fault);
    const answer = await ask(broker, { key });
    expect(answer.status).toBe(status);
    expect(errorOf(answer)).toMatchObject({ code });
    expect(answer.headers.get("x-should-retry")).toBe("false");
    // The caller cannot repair the operator's credential or quota, so the answer does not name
    // them.
    expect(answer.text).not.toMatch(/api key|quota exceeded|You exceeded/i);
    expect(await rowsOf(broker, answer.headers.get("x-spillway-job-id"))).toMatchObject([
      { status: "failed", error_code: reason, cost: 0 },
    ]);
    // The next caller gets the same error at once, although no call is sent there for a while.
    const { calls } = broker.upstreams["gpu"]?.counters() ?? { calls: 0 };
    const next = await ask(broker, { key });
    expect([next.status, next.headers.get("x-should-retry")]).toEqual([status, "false"]);
    expect(broker.upstreams["gpu"]?.counters().calls).toBe(calls);
    await expectAtRest(broker);
  });

  test("is left alone for a while: jobs go elsewhere", async () => {
    broker = await startFaultBroker();
    const key = await richKey(broker);
    broker.upstreams["gpu"]?.setFault(fault);
    const first = await ask(broker, { key, model: "wide", stream: true });
    expect(first.headers.get("x-spillway-provider")).toBe("cloud");
    expect(first.headers.get("x-spillway-attempts")).toBe("2");
    await eventually(async () => {
      const { data } = await broker.admin<{ data: unknown[] }>("GET", "/admin/providers");
      expect(data).toContainEqual(expect.objectContaining({ name: "gpu", healthy: false }));
    });
    const { calls } = broker.upstreams["gpu"]?.counters() ?? { calls: 0 };
    for (let number = 0; number < 5; number += 1) {
      const next = await ask(broker, { key, model: "wide" });
      expect(contentOf(next)).toBe("tok0 tok1 tok2 tok3");
      expect(next.headers.get("x-spillway-attempts")).toBe("1");
    }
    expect(broker.upstreams["gpu"]?.counters().calls).toBe(calls);
    await expectAtRest(broker);
  });
});
