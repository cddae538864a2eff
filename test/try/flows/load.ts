import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "../run/expect.ts";
import type { Flow } from "../run/flow.ts";
import { acceptJobs } from "./accepted-jobs.ts";
import { chatOf, type EngineContext } from "./context.ts";

/** What the engine's own counters say of a load. */
export const loadFlows: readonly Flow<EngineContext>[] = [
  { name: "60 jobs, tokens by the engine's count", run: countedTokens, timeoutMs: 600_000 },
  {
    name: "40 callers of whom half hang up, never beyond the slots",
    run: hangUps,
    timeoutMs: 600_000,
  },
];

async function countedTokens(context: EngineContext): Promise<string> {
  const { counters } = context.engine;
  const before = await counters?.();
  const jobs = await acceptJobs(context, 60, 20);
  const rows = await jobs.completed();
  const charged = rows.reduce((sum, row) => sum + row.completion_tokens, 0);
  if (counters === undefined || before === undefined) return `${charged} tokens in the ledger`;
  const after = await counters();
  const generated = after.generatedTokens - before.generatedTokens;
  expect(charged === generated, `ledger ${charged} tokens, engine ${generated}`);
  return `${charged} tokens in the ledger and at the engine`;
}

async function hangUps(context: EngineContext): Promise<string> {
  const { engine, caller, broker } = context;
  const { counters } = engine;
  if (counters === undefined) return "left out: the engine has no counters";
  let [highest, over] = [0, ""];
  const work = new AbortController();
  const watch = (async () => {
    while (!work.signal.aborted) {
      const { running, waiting } = await counters();
      highest = Math.max(highest, running + waiting);
      if (running + waiting > engine.slots) over ||= `${running} running, ${waiting} waiting`;
      await sleep(100);
    }
  })();
  const calls = Array.from({ length: 40 }, async (_, index) => {
    const stream = index % 2 === 0;
    const abort = index % 4 < 2 ? AbortSignal.timeout(1_500 + 300 * index) : undefined;
    const asked = chatOf(engine, abort === undefined ? 40 : 2_000, { stream });
    const extra = abort === undefined ? {} : { signal: abort };
    return caller.post("/v1/chat/completions", asked, extra).then(
      ({ status }) => status,
      () => "hung up",
    );
  });
  const [ends] = await Promise.all([Promise.all(calls).finally(() => work.abort()), watch]);
  const served = ends.filter((end) => end === 200).length;
  const refused = ends.filter((end) => end !== 200 && end !== "hung up");
  expect(over === "", `with ${engine.slots} slots the engine had ${over}`);
  expect(refused.length === 0, `callers got ${refused.join(", ")}`);
  const { slots } = await broker.caller.provider("engine");
  return `${served} served, ${ends.length - served} hung up, at most ${highest} at the engine of ${String(slots)} slots`;
}
