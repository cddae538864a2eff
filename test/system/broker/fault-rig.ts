import { expect } from "vitest";
import { findDifferences } from "../../support/checker.ts";
import type { SimulatorOptions } from "../../../cli/simulate/simulator.ts";
import { startTestBroker, type TestBroker, type TestBrokerOptions } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { withoutRescue } from "./without-rescue.ts";

/**
 * `chat` goes to `gpu` alone, `wide` to `gpu` and, when that fails, to `cloud`. The GPU may be
 * silent for 400 ms. Both cost money.
 */
export function startFaultBroker(
  options: Pick<TestBrokerOptions, "server"> & {
    readonly gpu?: Partial<SimulatorOptions>;
    readonly gpuYaml?: string;
  } = {},
): Promise<TestBroker> {
  const { gpu, gpuYaml = "timeouts: { first_byte: 400ms, idle: 400ms }", ...others } = options;
  return startTestBroker({
    providers: {
      gpu: { slots: 4, price: { input: 1, output: 2 }, yaml: gpuYaml, ...gpu },
      cloud: { location: "cloud", slots: 4, price: { input: 3, output: 5 } },
    },
    models: [
      "  chat:",
      "    serve: [{ provider: gpu, model: m }]",
      "  wide:",
      "    serve: [{ provider: gpu, model: m }]",
      "    overflow: [{ provider: cloud, model: c }]",
      "    overflow_when: { waited: never, failed: true }",
    ].join("\n"),
    cadences: withoutRescue,
    ...others,
  });
}

/** Soon everything has ended, nothing is held, and the ledger agrees with the upstreams. */
export async function expectAtRest(broker: TestBroker): Promise<void> {
  await eventually(async () => expect(await findDifferences(broker)).toEqual([]));
}

export interface Row {
  readonly provider: string;
  readonly status: string;
  readonly error_code: string | null;
  readonly estimated: boolean;
  readonly cost: number;
  readonly completion_tokens: number;
}

/** A job's ledger rows are in the order of its attempts. */
export async function rowsOf(broker: TestBroker, job: string | null): Promise<Row[]> {
  const { rows } = await broker.database.pool.query<Row>(
    `select provider, status, error_code, estimated, cost_nanos::float8 as cost, completion_tokens
     from ledger where job_id = $1 order by attempt`,
    [job],
  );
  return rows;
}

/** A key with money to spend. */
export async function richKey(broker: TestBroker): Promise<string> {
  return (await broker.key({ budget: { limit_usd: 100, period: "month" } })).key;
}
