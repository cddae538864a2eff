import { describe, expect, test } from "vitest";
import { chooseTarget } from "../../../../shared/routing/choose-target.ts";
import { compileRoutes } from "../../../../shared/routing/compiled-route.ts";
import { makePlan, type PlanRequest } from "../../../../shared/routing/make-plan.ts";
import type { RouteConfig } from "../../../../config/config.ts";
import { ProviderStates } from "../../../../shared/providers/provider-states.ts";
import { route, target, testConfig } from "../../../support/test-config.ts";

const request: PlanRequest = {
  residency: "any",
  input: { textTokens: 1_000, unbounded: undefined, hasProviderTools: false },
  outputTokens: 500,
  budgeted: false,
};

function plan(fields: Partial<RouteConfig>, asked: Partial<PlanRequest> = {}) {
  const config = { ...testConfig(), models: new Map([["m", route("m", fields)]]) };
  const compiled = compileRoutes(config).get("m");
  if (compiled === undefined) throw new Error("no route");
  return makePlan(compiled, { ...request, ...asked });
}

const both = { serve: [target("gpu-a"), target("gpu-b")], overflow: [target("cloud")] };

describe("plan", () => {
  test("holds each target's worst case in nano-USD, serve first", () => {
    const free = target("gpu-a", { price: { input: 0, output: 0 } });
    const made = plan({ serve: [free], overflow: [target("cloud")] });
    // 1,000 tokens at $0.15 and 500 at $0.60 per million.
    expect(made.plan.map(({ provider, role, holdNanos }) => [provider, role, holdNanos])).toEqual([
      ["gpu-a", "serve", "0"],
      ["cloud", "overflow", "450000"],
    ]);
    expect(made.plan[1]).toMatchObject({
      location: "cloud",
      model: "cloud-model",
      inputNanosPerMillion: "150000000",
      outputNanosPerMillion: "600000000",
    });
    expect(made.inputTokens).toBe(1_000);
  });

  test("rounds the worst case up", () => {
    const cheap = target("gpu-a", { price: { input: 0.000000001, output: 0 } });
    expect(plan({ serve: [cheap] }).plan[0]?.holdNanos).toBe("1");
  });

  test("has no cloud target for a job that must stay local", () => {
    const { plan: made } = plan(both, { residency: "local" });
    expect(made.map(({ provider }) => provider)).toEqual(["gpu-a", "gpu-b"]);
  });

  test("is refused when no local target is left", () => {
    expect(() => plan({ serve: [target("cloud")] }, { residency: "local" })).toThrow(
      expect.objectContaining({ code: "no_capacity" }),
    );
  });

  const media = { input: { textTokens: 1_000, unbounded: "messages", hasProviderTools: false } };

  test("counts media as the target's whole context", () => {
    const sized = [
      target("gpu-a", { contextLength: 8_192 }),
      target("gpu-b", { contextLength: 4_096 }),
    ];
    const made = plan({ serve: sized }, media);
    expect(made.inputTokens).toBe(8_192);
    expect(made.plan.map(({ holdNanos }) => holdNanos)).toEqual(["1528800", "914400"]);
  });

  test("refuses media of unknown cost only on a budgeted key", () => {
    expect(plan({}, media).inputTokens).toBe(10_000_000);
    expect(() => plan({}, { ...media, budgeted: true })).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "messages" }),
    );
    const free = target("gpu-a", { price: { input: 0, output: 1 } });
    expect(plan({ serve: [free] }, { ...media, budgeted: true }).inputTokens).toBe(10_000_000);
  });
});

describe("first target", () => {
  type Load = Partial<Record<"gpu-a" | "gpu-b" | "cloud", { placed?: number; up?: boolean }>>;

  function choose(load: Load, fields: Partial<RouteConfig> = both, random = 0) {
    const providerStates = new ProviderStates(testConfig().providers.values());
    for (const [name, { placed = 0, up = true }] of Object.entries(load)) {
      const state = providerStates.get(name);
      if (state === undefined) throw new Error(`no ${name}`);
      state.placed = placed;
      providerStates.setUp(name, up);
    }
    const made = plan(fields);
    const chosen = chooseTarget(made.plan, route("m", fields), providerStates, () => random);
    if (chosen === null) return null;
    return [made.plan[chosen.target]?.provider, chosen.overflowMs];
  }

  const down = { up: false };
  const rules = (waitedMs: number | null, failed: boolean, more: Partial<RouteConfig> = {}) => ({
    ...both,
    overflowWhen: { waitedMs, failed },
    ...more,
  });

  test.each<[string, Load, Partial<RouteConfig>, unknown]>([
    ["the least loaded that is up", { "gpu-a": { placed: 1 } }, both, ["gpu-b", 5_000]],
    [
      "one that is up, however loaded",
      { "gpu-a": { placed: 9 }, "gpu-b": down },
      both,
      ["gpu-a", 5_000],
    ],
    ["no overflow for waiting", {}, rules(null, true), ["gpu-a", null]],
    ["no overflow without a target", {}, { ...both, overflow: [] }, ["gpu-a", null]],
    ["overflow when none serves", { "gpu-a": down, "gpu-b": down }, both, ["cloud", null]],
    [
      "waiting when overflow is full, until it has room",
      { "gpu-a": { ...down, placed: 3 }, "gpu-b": down, cloud: { placed: 2 } },
      both,
      ["gpu-b", 0],
    ],
    [
      "waiting when failure may not overflow",
      { "gpu-a": down, "gpu-b": down },
      rules(5_000, false),
      ["gpu-a", 5_000],
    ],
    ["waiting when all is down", { "gpu-a": down, "gpu-b": down, cloud: down }, both, ["gpu-a", 0]],
    [
      "refusal when all is down, where the route says so",
      { "gpu-a": down, "gpu-b": down, cloud: down },
      rules(5_000, true, { noCapacity: "reject" }),
      null,
    ],
    [
      "refusal when the overflow cannot be reached",
      { "gpu-a": down, "gpu-b": down },
      rules(null, false, { noCapacity: "reject" }),
      null,
    ],
    [
      "no refusal while waiting leads to the overflow",
      { "gpu-a": down, "gpu-b": down },
      rules(5_000, false, { noCapacity: "reject" }),
      ["gpu-a", 5_000],
    ],
  ])("%s", (_name, load, fields, expected) => {
    expect(choose(load, fields)).toEqual(expected);
  });

  test("ties are broken by chance", () => {
    expect([choose({}, both, 0), choose({}, both, 0.99)]).toEqual([
      ["gpu-a", 5_000],
      ["gpu-b", 5_000],
    ]);
  });

  test("refuses a provider's own tools on a budgeted key, however long the context", () => {
    const input = { textTokens: 1_000, unbounded: "tools", hasProviderTools: true };
    const sized = target("gpu-a", { contextLength: 8_192 });
    expect(plan({ serve: [sized] }, { input }).inputTokens).toBe(8_192);
    expect(() => plan({ serve: [sized] }, { input, budgeted: true })).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "tools" }),
    );
    const free = target("gpu-a", { contextLength: 8_192, price: { input: 0, output: 0 } });
    expect(plan({ serve: [free] }, { input, budgeted: true }).inputTokens).toBe(8_192);
  });
});
