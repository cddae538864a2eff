import { randomUUID } from "node:crypto";
import type { Plan } from "../../../shared/contracts/plan.ts";
import type { AcceptMember } from "../../../shared/jobs/accept.ts";
import { type Database, openDatabase } from "../../../shared/db/database.ts";
import { createKey } from "../../../shared/keys/create-key.ts";
import { createKeyInput } from "../../../shared/keys/key-input.ts";
import { createTestDatabase } from "../../support/postgres.ts";

export interface BrokerDatabase extends AsyncDisposable {
  readonly url: string;
  readonly database: Database;
}

/** The database is migrated, and has the providers `gpu` and `cloud`. */
export async function openBrokerDatabase(): Promise<BrokerDatabase> {
  const { url, ...server } = await createTestDatabase();
  const database = openDatabase({
    connectionString: url,
    maxConnections: 4,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  await database.pool.query(
    "insert into providers (name, location, slots) values ('gpu', 'local', 4), ('cloud', 'cloud', 8)",
  );
  return {
    url,
    database,
    async [Symbol.asyncDispose]() {
      await database.close();
      await server.drop();
    },
  };
}

/** Makes a key from the fields that the HTTP API takes. */
export function makeKey(database: Database, fields: Record<string, unknown> = {}) {
  return createKey(database.pool, createKeyInput.parse({ name: "test", ...fields }));
}

/** A job of the key with this hold. */
export function jobOf(keyId: string, holdNanos: bigint, provider = "gpu"): AcceptMember {
  const plan: Plan = [
    {
      provider,
      location: provider === "gpu" ? "local" : "cloud",
      role: "serve",
      model: "upstream-model",
      inputNanosPerMillion: "0",
      outputNanosPerMillion: "0",
      holdNanos: holdNanos.toString(),
    },
  ];
  return {
    id: `job_${randomUUID()}`,
    key: keyId,
    endpoint: "chat.completions",
    model: "chat-small",
    class: 1,
    residency: "any",
    interactive: true,
    stream: false,
    owner: "api-1",
    plan,
    target: 0,
    hold: holdNanos.toString(),
    input_bound: 1,
    output_bound: 1,
    max_attempts: 3,
    deadline_ms: 60_000,
    overflow_ms: null,
    overflow_on_failure: false,
    check_ms: 1_000,
  };
}

/** Claims an accepted job as a worker would. */
export async function claimJob(database: Database, job: AcceptMember): Promise<void> {
  const provider = job.plan[job.target]?.provider ?? "gpu";
  const claimed = await database.claim.submit({
    job: job.id,
    place: 0,
    provider,
    nonce: randomUUID(),
    worker: "worker-1",
  });
  if (claimed.verdict !== "claimed") throw new Error(`claim: ${claimed.verdict}`);
}

/** Ends a claimed job with a cost. */
export async function settleJob(
  database: Database,
  job: AcceptMember,
  costNanos: bigint,
  status: "ok" | "failed" = "ok",
): Promise<void> {
  await database.settle.submit({
    job: job.id,
    fence: 1,
    state: status === "ok" ? "done" : "failed",
    status,
    error_code: status === "ok" ? null : "server_error",
    prompt_tokens: 10,
    completion_tokens: 5,
    estimated: false,
    cost: costNanos.toString(),
    ttft_ms: 12,
    total_ms: 34,
  });
}
