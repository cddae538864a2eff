import { expect } from "vitest";
import { line, type BatchRig, type Result, type ShownBatch } from "./batch-rig.ts";

interface Reply {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Sends a request outside of any batch. */
export async function post(rig: BatchRig, url: string, body: object): Promise<Reply> {
  const response = await fetch(`${rig.broker.url}${url}`, {
    method: "POST",
    headers: { authorization: `Bearer ${rig.key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

type Bodies = Readonly<Record<string, object>>;

/**
 * Runs good and bad bodies as alternating lines of one batch, and checks counts, usage and cost.
 */
export async function runMixed(rig: BatchRig, url: string, good: Bodies, bad: Bodies) {
  const ids: string[] = [];
  const [goodIds, badIds] = [Object.keys(good), Object.keys(bad)];
  for (let at = 0; at < Math.max(goodIds.length, badIds.length); at++)
    ids.push(...goodIds.slice(at, at + 1), ...badIds.slice(at, at + 1));
  const all = { ...good, ...bad };
  const made = ids.map((id) => line(id, { url, body: all[id] ?? {} }));
  const { id } = await rig.submit(made, { endpoint: url as "/v1/responses" });
  const batch = await rig.until(id, "completed");
  const output = await rig.results(batch.output_file_id);
  const errors = await rig.results(batch.error_file_id);
  // Each line is there once, in the order of the input.
  expect(output.map((result) => result.custom_id)).toEqual(ids.filter((name) => name in good));
  expect(errors.map((result) => result.custom_id)).toEqual(ids.filter((name) => name in bad));
  expect(batch.request_counts).toEqual({
    total: ids.length,
    completed: goodIds.length,
    failed: badIds.length,
  });
  for (const result of [...output, ...errors]) {
    expect(result.error).toBeNull();
    expect(result.response?.request_id).toBe(result.id.replace("batch_req_", "job_"));
  }
  const cost = await expectSums(rig, batch, output);
  return { batch, output, errors, cost };
}

interface AnyUsage {
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  readonly input_tokens?: number;
  readonly output_tokens?: number;
}

/** The usage is the sum of the answers' usage, the cost is the sum in the ledger. */
async function expectSums(
  rig: BatchRig,
  batch: ShownBatch,
  output: readonly Result[],
): Promise<bigint> {
  const usages = output.map((result) => result.response?.body["usage"] as AnyUsage);
  const sum = (count: (usage: AnyUsage) => number): number =>
    usages.reduce((total, usage) => total + count(usage), 0);
  const input = sum((usage) => usage.prompt_tokens ?? usage.input_tokens ?? 0);
  const generated = sum((usage) => usage.completion_tokens ?? usage.output_tokens ?? 0);
  expect(input).toBeGreaterThan(0);
  expect(batch.usage).toMatchObject({
    input_tokens: input,
    output_tokens: generated,
    total_tokens: input + generated,
  });
  const { rows } = await rig.broker.database.pool.query<{ cost: bigint }>(
    `select sum(l.cost_nanos)::bigint as cost
     from ledger l join jobs j on j.id = l.job_id where j.batch_id = $1`,
    [batch.id],
  );
  const cost = rows[0]?.cost ?? 0n;
  // USD 1 and 2 per million tokens are 1,000 and 2,000 nanos per token.
  expect(cost).toBe(BigInt(input) * 1_000n + BigInt(generated) * 2_000n);
  expect(Number(batch.cost.amount)).toBeCloseTo(Number(cost) / 1e9, 12);
  return cost;
}

/** A line's error is the error that the same request gets outside of a batch. */
export async function expectAsDirect(
  rig: BatchRig,
  url: string,
  bodies: Bodies,
  results: readonly Result[],
): Promise<void> {
  for (const { custom_id: id, response } of results) {
    const direct = await post(rig, url, bodies[id] ?? {});
    expect({ id, status: response?.status_code, body: response?.body }).toEqual({ id, ...direct });
  }
}

export function responseOf(results: readonly Result[], id: string): Result["response"] {
  return results.find((result) => result.custom_id === id)?.response ?? null;
}
