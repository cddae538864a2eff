import { expect } from "../run/expect.ts";
import type { Flow } from "../run/flow.ts";
import { acceptJobs } from "./accepted-jobs.ts";
import { chatOf, type EngineContext, MODELS } from "./context.ts";
import { highWater } from "./high-water.ts";

/** The engine's own counters must agree with the broker's under load. */
export const loadFlows: readonly Flow<EngineContext>[] = [
  { name: "60 jobs, tokens by the engine's count", run: countedTokens, timeoutMs: 600_000 },
  {
    name: "40 callers of whom half hang up, never beyond the slots",
    run: hangUps,
    timeoutMs: 600_000,
  },
  {
    name: "36 calls of one and of two sequences, never beyond the slots",
    run: mixedWidths,
    timeoutMs: 600_000,
  },
];

async function countedTokens(context: EngineContext): Promise<string> {
  const { counters } = context.engine;
  const before = await counters?.();
  const { result: rows, most } = await highWater(context.engine, async () => {
    const jobs = await acceptJobs(context, 60, 20);
    return jobs.completed();
  });
  const charged = rows.reduce((sum, row) => sum + row.completion_tokens, 0);
  if (counters === undefined || before === undefined) return `${charged} tokens in the ledger`;
  const after = await counters();
  const generated = after.generatedTokens - before.generatedTokens;
  expect(charged === generated, `ledger ${charged} tokens, engine ${generated}`);
  return `${charged} tokens in the ledger and at the engine, ${most}`;
}

async function hangUps({ engine, caller }: EngineContext): Promise<string> {
  if (engine.counters === undefined) return "left out: the engine has no counters";
  const call = (index: number): Promise<number | string> => {
    const stream = index % 2 === 0;
    const abort = index % 4 < 2 ? AbortSignal.timeout(1_500 + 300 * index) : undefined;
    const body = chatOf(engine, abort === undefined ? 40 : 2_000, { stream });
    const extra = abort === undefined ? {} : { signal: abort };
    return caller.post("/v1/chat/completions", body, extra).then(
      ({ status }) => status,
      () => "hung up",
    );
  };
  const { result: ends, most } = await highWater(engine, () =>
    Promise.all(Array.from({ length: 40 }, (_, index) => call(index))),
  );
  const served = ends.filter((end) => end === 200).length;
  const refused = ends.filter((end) => end !== 200 && end !== "hung up");
  expect(refused.length === 0, `callers got ${refused.join(", ")}`);
  return `${served} served, ${ends.length - served} hung up, ${most}`;
}

async function mixedWidths({ engine, caller }: EngineContext): Promise<string> {
  const { lacks, untilCap } = engine;
  const two =
    lacks.n === undefined
      ? chatOf(engine, 40, { n: 2, temperature: 1 })
      : chatOf(engine, 40, { stream: true });
  const prompt = lacks["list prompts"] === undefined ? ["one", "two"] : "one";
  const listed = { model: MODELS.chat, prompt, max_tokens: 40, ...untilCap };
  const calls = [
    () => caller.post("/v1/chat/completions", chatOf(engine, 40)),
    () => caller.post("/v1/chat/completions", two),
    () => caller.post("/v1/completions", listed),
  ];
  const { result: answers, most } = await highWater(engine, () =>
    Promise.all(Array.from({ length: 12 }, () => calls.map((call) => call())).flat()),
  );
  const refused = answers.filter(({ status }) => status !== 200);
  expect(refused.length === 0, `${refused.length} refused: ${refused[0]?.text ?? ""}`);
  return `${answers.length} answered, ${most}`;
}
