import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ProviderCall } from "../../../../workers/providers/provider.ts";
import { QueueWait } from "../../../../workers/engines/queue-wait.ts";
import { callOf } from "../providers/upstream.ts";

let now = 0;
let waits: QueueWait[];

beforeEach(() => {
  now = 0;
  waits = [];
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.spyOn(performance, "now").mockImplementation(() => now);
});
afterEach(() => {
  for (const wait of waits) wait.end();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

interface Site {
  /** An engine that reports no queue is judged by this time; undefined before it is measured. */
  readonly usualTtftMs?: number | undefined;
  readonly hasQueue?: boolean;
  readonly isOpen?: boolean;
  readonly overflows?: false;
  readonly call?: Partial<ProviderCall>;
}

function waitAt({ usualTtftMs, hasQueue, isOpen = true, overflows, call = {} }: Site): QueueWait {
  const overflow = { afterMs: 500, isOpen: () => isOpen };
  const wait = new QueueWait(callOf({ ...(overflows === false ? {} : { overflow }), ...call }), {
    hasQueue: () => hasQueue,
    usualTtftMs: () => usualTtftMs,
  });
  waits.push(wait);
  return wait;
}

/** Returns after how many milliseconds without a byte it was cut; undefined after a minute. */
function cutAfter(wait: QueueWait): number | undefined {
  while (now < 60_000 && !wait.signal.aborted) {
    now += 250;
    vi.advanceTimersByTime(250);
  }
  return wait.signal.aborted ? now : undefined;
}

it.each<[string, Site, number | undefined]>([
  ["three times the usual time is a wait", { usualTtftMs: 1_000 }, 3_250],
  ["but never less than two seconds", { usualTtftMs: 50 }, 2_250],
  ["ten seconds where nothing was measured yet", { usualTtftMs: undefined }, 10_250],
  [
    "the engine's own word comes first: it has a queue",
    { usualTtftMs: 9_000, hasQueue: true },
    500,
  ],
  [
    "the engine's own word comes first: it has none",
    { usualTtftMs: 50, hasQueue: false },
    undefined,
  ],
  ["nobody else would take the job", { usualTtftMs: 50, isOpen: false }, undefined],
  ["a route that does not overflow", { usualTtftMs: 50, overflows: false }, undefined],
  [
    "embeddings, which come in one piece",
    { usualTtftMs: 50, call: { endpoint: "embeddings" } },
    undefined,
  ],
])("without a first token: %s", (_what, site, ms) => {
  expect(cutAfter(waitAt(site))).toBe(ms);
});

it("is over with the first byte, however late the rest", () => {
  const wait = waitAt({ usualTtftMs: 50 });
  wait.end();
  expect(cutAfter(wait)).toBeUndefined();
});

it("ends the call as one that goes on elsewhere, unlike the caller's own stop", () => {
  const stopped = {
    kind: "aborted",
    sent: true,
    gotHeaders: false,
    outputBytes: 0,
    usage: undefined,
    ttftMs: null,
  } as const;
  const cut = waitAt({ usualTtftMs: 50 });
  cutAfter(cut);
  expect(cut.judge(stopped)).toMatchObject({ kind: "failed", reason: "engine_queue" });
  const caller = AbortSignal.abort();
  expect(waitAt({ usualTtftMs: 50, call: { signal: caller } }).judge(stopped)).toBe(stopped);
});
