import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dialects, type DialectName } from "../../../cli/simulate/dialect.ts";
import type { JsonObject } from "../../../shared/json/json-object.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { budgetOf } from "./budget-view.ts";
import { randomBody } from "./random-body.ts";

/** A full search takes 10,000 bodies. Each takes a few milliseconds, so a usual run has fewer. */
const BODIES = Number(process.env["SPILLWAY_TEST_BODIES"] ?? 300);
const AT_ONCE = 8;
const LIMIT_USD = 0.01;
/** USD per million tokens. */
const price = { input: 0.01, output: 0.5 };
const paths = {
  "chat.completions": "chat/completions",
  completions: "completions",
  responses: "responses",
  embeddings: "embeddings",
} as const;
const engines = Object.keys(dialects) as DialectName[];

let broker: TestBroker;
beforeAll(async () => {
  // A single answer that obeys no cap costs more than the whole budget.
  const engine = { location: "local", kind: "gpu", slots: 8, price, outputTokens: 30_000 } as const;
  broker = await startTestBroker({
    providers: Object.fromEntries(
      engines.flatMap((dialect) => [
        [dialect, { ...engine, dialect, yaml: "responses: native" }],
        [`${dialect}-chat`, { ...engine, dialect, yaml: "responses: translate" }],
      ]),
    ),
    models: engines
      .flatMap((dialect) => [dialect, `${dialect}-chat`])
      .flatMap((name) => [
        `  ${name}: { serve: [{ provider: ${name}, model: up }], max_output_tokens: 50 }`,
        `  embed-${name}: { serve: [{ provider: ${name}, model: up }] }`,
      ])
      .join("\n"),
  });
});
afterAll(() => broker.stop());

/** The engines count by themselves what they have read and generated. */
function costUsd(): number {
  return Object.values(broker.upstreams)
    .map((upstream) => upstream.counters())
    .map(
      ({ promptTokens: input, completionTokens: output }) =>
        (input * price.input + output * price.output) / 1e6,
    )
    .reduce((sum, cost) => sum + cost, 0);
}

test(`${BODIES} bodies never cost more than a key's budget, whatever an engine obeys`, async () => {
  const { key, id } = await broker.key({ budget: { limit_usd: LIMIT_USD, period: "total" } });
  const seed = Number(process.env["SPILLWAY_TEST_SEED"] ?? 1);
  const bodies = fc.sample(randomBody, { numRuns: BODIES, seed });
  const statuses: Record<number, number> = {};
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < bodies.length; at = next++) {
      const { endpoint, body } = bodies[at] ?? { endpoint: "completions", body: {} };
      const names = Object.keys(broker.upstreams);
      const name = names[at % names.length] ?? "";
      const model = endpoint === "embeddings" ? `embed-${name}` : name;
      const response = await post(key, paths[endpoint], { model, ...body });
      statuses[response] = (statuses[response] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  expect(costUsd()).toBeLessThanOrEqual(LIMIT_USD);
  const { settled_usd: settled, held_usd: held } = await budgetOf(broker, id);
  expect(Number(settled)).toBeGreaterThanOrEqual(costUsd() - 1e-9);
  expect(Number(held)).toBe(0);
  // The test means something only when enough bodies ran and enough were refused.
  expect(statuses[200]).toBeGreaterThan(BODIES / 20);
  expect(statuses[400]).toBeGreaterThan(BODIES / 20);
  expect(
    Object.keys(statuses).filter((status) => !["200", "400", "402", "404"].includes(status)),
  ).toEqual([]);
});

/** Reads the answer to its end and returns its status. */
async function post(key: string, path: string, body: JsonObject): Promise<number> {
  const response = await fetch(`${broker.baseUrl}/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await response.text();
  return response.status;
}
