import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "../run/expect.ts";
import type { Flow } from "../run/flow.ts";
import { acceptJobs, failuresOf } from "./accepted-jobs.ts";
import { chatOf, type EngineContext } from "./context.ts";

const TIMEOUT_MS = 15 * 60_000;

/** Engines are restarted, killed, frozen, late or full while jobs wait for them. */
export const failureFlows: readonly Flow<EngineContext>[] = [
  { name: "60 jobs through a graceful restart", run: gracefulRestart, timeoutMs: TIMEOUT_MS },
  { name: "60 jobs through a kill", run: hardKill, timeoutMs: TIMEOUT_MS },
  { name: "20 jobs through 15 s of SIGSTOP", run: freeze, timeoutMs: TIMEOUT_MS },
  {
    name: "10 jobs and a caller before an engine that starts",
    run: slowStart,
    timeoutMs: TIMEOUT_MS,
  },
  { name: "60 jobs at an engine that others fill", run: foreignLoad, timeoutMs: TIMEOUT_MS },
];

async function gracefulRestart(context: EngineContext): Promise<string> {
  const { program } = context.engine;
  const jobs = await acceptJobs(context, 60, 60);
  await jobs.ended(5);
  program.signal("SIGTERM", "first");
  await program.end(60_000);
  await program.start();
  return `all done, ${failuresOf(await jobs.completed())}`;
}

async function hardKill(context: EngineContext): Promise<string> {
  const { program } = context.engine;
  const jobs = await acceptJobs(context, 60, 60);
  await jobs.ended(5);
  program.signal("SIGKILL");
  await program.end(10_000);
  await program.start();
  return `all done, ${failuresOf(await jobs.completed())}`;
}

async function freeze(context: EngineContext): Promise<string> {
  const jobs = await acceptJobs(context, 20, 60);
  await jobs.ended(2);
  context.engine.program.signal("SIGSTOP");
  await sleep(15_000);
  context.engine.program.signal("SIGCONT");
  return `all done, ${failuresOf(await jobs.completed())}`;
}

async function slowStart(context: EngineContext): Promise<string> {
  const { program } = context.engine;
  await program.stop();
  program.launch();
  const jobs = await acceptJobs(context, 10, 20);
  const caller = await context.caller.post("/v1/chat/completions", chatOf(context.engine, 20));
  expect(caller.status === 200, `the caller got ${caller.status} ${caller.text}`);
  await program.ready();
  const failures = failuresOf(await jobs.completed());
  return `all done, the caller after ${(caller.tookMs / 1000).toFixed(1)} s, ${failures}`;
}

/**
 * Fills the engine with calls that bypass the broker, so that it queues or refuses the broker's
 * calls.
 */
async function foreignLoad(context: EngineContext): Promise<string> {
  const { engine } = context;
  const abort = new AbortController();
  const body = JSON.stringify({ ...chatOf(engine, 3_000, { stream: true }), model: engine.model });
  const others = Array.from({ length: engine.slots + 4 }, async () => {
    const response = await fetch(`${engine.baseUrl}/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(engine.apiKey === undefined ? {} : { authorization: `Bearer ${engine.apiKey}` }),
      },
      body,
      signal: abort.signal,
    });
    await response.text();
  });
  await sleep(2_000);
  const jobs = await acceptJobs(context, 60, 20);
  await sleep(10_000);
  abort.abort();
  await Promise.allSettled(others);
  return `all done, ${failuresOf(await jobs.completed())}`;
}
