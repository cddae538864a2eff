import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startScriptedUpstream, type ScriptedUpstream } from "./scripted-upstream.ts";

/** A broker before three scripted upstreams. */
export interface ReportRig {
  readonly broker: TestBroker;
  readonly one: ScriptedUpstream;
  readonly two: ScriptedUpstream;
  readonly cloud: ScriptedUpstream;
  readonly key: string;
  post(path: string, body: object, options?: PostOptions): Promise<Posted>;
  /** Ledger rows are oldest first. */
  ledger(job: string | null): Promise<LedgerRow[]>;
  stop(): Promise<void>;
}

interface PostOptions {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Posted {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly job: string | null;
  // Each test expects the JSON of its answer in another shape.
  readonly json: Record<string, never>;
}

interface LedgerRow {
  readonly status: string;
  readonly error_code: string | null;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly estimated: boolean;
  readonly cost_nanos: string;
  readonly overrun_nanos: string;
}

/**
 * The routes are `m` at `one`; `pair` at `one` and `two`; `spill` at `one`, with overflow to
 * `cloud`; `vm` at `cloud`; and `embed`.
 */
export async function startReportRig(): Promise<ReportRig> {
  const [one, two, cloud] = await Promise.all([
    startScriptedUpstream(),
    startScriptedUpstream(),
    startScriptedUpstream(),
  ]);
  const priced = { brokerSlots: 8, price: { input: 0.1, output: 0.2 } };
  const broker = await startTestBroker({
    providers: {
      one: { ...priced, baseUrl: one.url },
      two: { ...priced, baseUrl: two.url },
      cloud: { ...priced, baseUrl: cloud.url, location: "cloud" },
    },
    models: [
      "  m: { serve: [{ provider: one, model: up }] }",
      "  pair: { serve: [{ provider: one, model: up }, { provider: two, model: up }] }",
      "  spill: { serve: [{ provider: one, model: up }], overflow: [{ provider: cloud, model: up }] }",
      "  vm: { serve: [{ provider: cloud, model: up }] }",
      "  embed: { kind: embedding, serve: [{ provider: one, model: up }] }",
    ].join("\n"),
    heartbeatMs: 500,
  });
  const { key } = await broker.key();
  return {
    broker,
    one,
    two,
    cloud,
    key,
    async post(path, body, options = {}) {
      const response = await fetch(`${broker.baseUrl}${path}`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${options.key ?? key}`,
          "content-type": "application/json",
          ...options.headers,
        },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      let json: unknown;
      try {
        json = JSON.parse(text);
      } catch {
        json = {};
      }
      return {
        status: response.status,
        headers: response.headers,
        text,
        job: response.headers.get("x-spillway-job-id"),
        json: json as Posted["json"],
      };
    },
    async ledger(job) {
      const { rows } = await broker.database.pool.query<LedgerRow>(
        "select * from ledger where job_id = $1 order by attempt",
        [job],
      );
      return rows;
    },
    async stop() {
      await broker.stop();
      await Promise.all([one.close(), two.close(), cloud.close()]);
    },
  };
}
