import { setTimeout as sleep } from "node:timers/promises";
import { expect, expectWithin } from "../run/expect.ts";
import type { Flow } from "../run/flow.ts";
import { chatOf, type EngineContext } from "./context.ts";

/** Callers who hang up: the engine stops soon, and the slot is free only then. */
export const hangUpFlows: readonly Flow<EngineContext>[] = [
  { name: "hang-up in a stream", run: (context) => hangUp(context, { stream: true }) },
  { name: "hang-up on a whole answer", run: (context) => hangUp(context, { stream: false }) },
  { name: "hang-up while the prompt is read", run: duringPrompt },
];

const soonMs = 2_000;
/** A batch of the prompt that is being computed is computed to its end. */
const promptBatchMs = 15_000;

async function duringPrompt(context: EngineContext): Promise<string> {
  const words = "river lake sea ".repeat(Math.floor(context.engine.contextLength / 20));
  const messages = [{ role: "user", content: words }];
  return hangUp(context, { stream: true, messages }, promptBatchMs);
}

async function hangUp(
  { engine, caller, broker }: EngineContext,
  extra: Record<string, unknown>,
  limitMs = soonMs,
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
  let freedMs: number | undefined;
  for (;;) {
    const { in_flight: held } = await broker.caller.provider("engine");
    const { running } = await counters();
    const passedMs = performance.now() - began;
    if (held === 0) freedMs ??= passedMs;
    if (running === 0) break;
    expect(held !== 0, `the slot was free ${passedMs.toFixed(0)} ms on, the engine at work`);
    expect(passedMs < limitMs, `the engine still works after ${passedMs.toFixed(0)} ms`);
    await sleep(50);
  }
  const stoppedMs = performance.now() - began;
  const { generatedTokens } = await counters();
  expect(generatedTokens - before.generatedTokens < 2_500, "the answer ran to its end");
  const inFlight = async (): Promise<unknown> =>
    (await broker.caller.provider("engine"))["in_flight"];
  await expectWithin(10_000, inFlight, (calls) => calls === 0);
  return `stopped ${stoppedMs.toFixed(0)} ms on, slot free ${freedMs === undefined ? "after that" : `seen at ${freedMs.toFixed(0)} ms`}`;
}
