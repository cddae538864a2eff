import { setTimeout as sleep } from "node:timers/promises";
import { expect, expectWithin } from "../run/expect.ts";
import type { Flow } from "../run/flow.ts";
import { chatOf, type EngineContext } from "./context.ts";

/** Callers hang up: the engine must stop soon, and the slot is free only then. */
export const hangUpFlows: readonly Flow<EngineContext>[] = [
  { name: "hang-up in a stream", run: (context) => hangUp(context, { stream: true }) },
  { name: "hang-up on a whole answer", run: (context) => hangUp(context, { stream: false }) },
  { name: "hang-up while the prompt is read", run: duringPrompt },
];

const SOON_MS = 2_000;
/** The batch of the prompt that is being computed is computed to its end. */
const PROMPT_BATCH_MS = 60_000;

async function duringPrompt(context: EngineContext): Promise<string> {
  const words = "river lake sea ".repeat(Math.floor(context.engine.contextLength / 20));
  const messages = [{ role: "user", content: words }];
  return hangUp(context, { stream: true, messages }, PROMPT_BATCH_MS);
}

async function hangUp(
  { engine, caller, broker }: EngineContext,
  extra: Record<string, unknown>,
  limitMs = SOON_MS,
): Promise<string> {
  const { counters } = engine;
  if (counters === undefined) return "left out: the engine has no counters";
  const abort = new AbortController();
  const body = chatOf(engine, 3_000, extra);
  const call = caller
    .send("/v1/chat/completions", body, { signal: abort.signal })
    .then((response) => response.text())
    .catch(() => undefined);
  await expectWithin(30_000, counters, ({ running }) => running > 0);
  if (!("messages" in extra)) await sleep(1_000);
  const before = await counters();
  abort.abort();
  await call;
  const began = performance.now();
  // The next callers get the slots only when the engine has stopped.
  const next = Array.from({ length: engine.slots }, () =>
    caller.send("/v1/chat/completions", chatOf(engine, 8)),
  );
  let most = 0;
  const answered = Promise.all(next);
  const over = new AbortController();
  void answered.finally(() => over.abort());
  while (!over.signal.aborted) {
    const { running, waiting } = await counters();
    most = Math.max(most, running + waiting);
    await sleep(50);
  }
  for (const { status } of await answered) expect(status === 200, `the next caller got ${status}`);
  expect(most <= engine.slots, `${most} calls at the engine of ${engine.slots} slots`);
  const passedMs = performance.now() - began;
  expect(passedMs < limitMs + SOON_MS, `the next callers waited ${passedMs.toFixed(0)} ms`);
  const { generatedTokens } = await counters();
  expect(generatedTokens - before.generatedTokens < 2_500, "the answer ran to its end");
  const inFlight = async (): Promise<unknown> =>
    (await broker.caller.provider("engine"))["in_flight"];
  await expectWithin(10_000, inFlight, (calls) => calls === 0);
  return `the next callers were answered after ${passedMs.toFixed(0)} ms, at most ${most} at the engine`;
}
