import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask } from "../broker/ask.ts";
import type { CommandProcess } from "../process/broker-process.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import { startFleet, type Fleet } from "./fleet.ts";

const COMPANIONS = 8;

const resources = new AsyncDisposableStack();
let fleet: Fleet;
/** The upstream kills the worker that calls it with the poison, once all companions run with it. */
let upstream: Server;
let worker: CommandProcess | undefined;
let deaths: Promise<void>;
/** It rejects when a wait here fails; without it the companions would wait for ever. */
const problem = Promise.withResolvers<never>();
problem.promise.catch(() => undefined);
const inFlight = new Set<string>();
/** Each arrival of the poison found this many calls in flight. */
const besides: number[] = [];

function isAlive(process: CommandProcess | undefined): boolean {
  return process?.child.exitCode === null && process.child.signalCode === null;
}

beforeAll(async () => {
  const database = await createTestDatabase();
  resources.defer(() => database.drop());
  const redis = await startTestRedis();
  resources.defer(() => redis.stop());
  const { promise, resolve: resolveDeaths } = Promise.withResolvers<void>();
  deaths = promise;
  upstream = createServer((request, response) => {
    if (request.method !== "POST") {
      response.end("{}");
      return;
    }
    const serve = async (): Promise<void> => {
      const prompt = await text(request);
      const name = /poison|companion \d/.exec(prompt)?.[0] ?? prompt;
      inFlight.add(name);
      response.once("close", () => inFlight.delete(name));
      if (name !== "poison") {
        // The companions finish only after they have become suspects.
        await deaths;
        response.writeHead(200, { "content-type": "application/json" });
        response.end(
          JSON.stringify({
            choices: [
              { index: 0, message: { role: "assistant", content: name }, finish_reason: "stop" },
            ],
            usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
          }),
        );
        return;
      }
      const beside = besides.length < 2 ? COMPANIONS + 1 : 1;
      await eventually(() => expect(inFlight.size).toBeGreaterThanOrEqual(beside));
      // The next worker may take the poison before its start is known here.
      await eventually(() => expect(isAlive(worker)).toBe(true));
      besides.push(inFlight.size);
      worker?.child.kill("SIGKILL");
      if (besides.length === 2) resolveDeaths();
    };
    serve().catch((error: unknown) => {
      // Any other error means that the worker died during the call.
      if (error instanceof Error && error.name === "AssertionError") problem.reject(error);
      response.destroy();
    });
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  resources.defer(async () => {
    upstream.closeAllConnections();
    upstream.close();
    await once(upstream, "close");
  });
  const { port } = upstream.address() as AddressInfo;
  fleet = await startFleet({
    databaseUrl: database.url,
    redisUrl: redis.url,
    providers: { gpu: { baseUrl: `http://127.0.0.1:${port}/v1`, slots: COMPANIONS + 2 } },
    models: "  chat: { serve: [{ provider: gpu, model: m }] }",
  });
  resources.defer(() => fleet.stop());
});
afterAll(() => resources.disposeAsync());

test("a job that kills its worker ends as poison after three times; its companions get done", async () => {
  const api = await fleet.startApi();
  const key = await fleet.key();
  const headers = { prefer: "respond-async" };
  const accept = async (content: string): Promise<string> =>
    (JSON.parse((await ask(api, { key, content, headers })).text) as { id: string }).id;
  const names = Array.from({ length: COMPANIONS }, (_, index) => `companion ${index}`);
  const [interactive, stored] = [names.slice(0, 4), names.slice(4)];
  const answers = interactive.map((content) => ask(api, { key, content }));
  const jobs = await Promise.all(stored.map(accept));
  const poison = await accept("poison");
  // The supervisor starts the next worker.
  const over = new AbortController();
  const supervisor = (async () => {
    while (!over.signal.aborted) {
      worker = await fleet.startWorker();
      if (over.signal.aborted) worker.child.kill("SIGKILL");
      await worker.ended;
    }
  })();
  supervisor.catch(problem.reject);

  for (const [index, answer] of (
    await Promise.race([Promise.all(answers), problem.promise])
  ).entries()) {
    expect(answer.status).toBe(200);
    expect(answer.text).toContain(names[index]);
  }
  const read = async (job: string) => {
    const { status, error } = await jobOf(`${api.baseUrl}/jobs/${job}?wait=20`, key);
    return { status, code: error?.code };
  };
  for (const job of jobs) expect(await read(job)).toEqual({ status: "completed", code: undefined });
  expect(await read(poison)).toEqual({ status: "failed", code: "poison" });
  expect(besides).toEqual([COMPANIONS + 1, COMPANIONS + 1, 1]);
  const { rows } = await fleet.database.pool.query(
    "select status, count(*)::integer from ledger where job_id = $1 group by status",
    [poison],
  );
  expect(rows).toEqual([{ status: "unknown", count: 3 }]);
  over.abort();
  worker?.child.kill("SIGKILL");
  await supervisor;
});

async function jobOf(url: string, key: string) {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
  return (await answer.json()) as { status: string; error: { code: string } | null };
}
