import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "../../../cli/simulate/faults.ts";
import { expect, expectWithin } from "../run/expect.ts";
import type { Flow } from "../run/flow.ts";
import {
  agentOn,
  ask,
  calculator,
  green,
  type Mode,
  MODES,
  type N8nContext,
  newKey,
  red,
} from "./context.ts";

const MODELS = ["native", "translated"] as const;
const FAULTS: readonly Fault[] = [
  { type: "cut", afterTokens: 4 },
  { type: "in_band_error", afterTokens: 4, status: 500, message: "The engine broke." },
];
const BUDGET_USD = "0.012";
const FILL_BYTES = [250_000, 60_000, 15_000, 4_000, 1_000, 250, 0];

/** Failures while an agent works, and what its user then sees. */
export const failureFlows: readonly Flow<N8nContext>[] = [
  ...MODES.flatMap((mode) => [
    { name: `a budget that ends in a loop, ${mode}`, run: (each: N8nContext) => spent(each, mode) },
    ...MODELS.flatMap((model) =>
      FAULTS.map((fault) => ({
        name: `a stream that breaks (${fault.type}), ${mode}, ${model}`,
        run: (each: N8nContext) => broken(each, mode, model, fault),
      })),
    ),
  ]),
  { name: "a full queue, responses", run: waitingInFullQueue },
  { name: "a full queue, chat", run: refusedByFullQueue },
  { name: "a full queue, chat, Retry On Fail", run: fullQueueTriedAgain },
];

async function spent(context: N8nContext, mode: Mode): Promise<string> {
  const { broker, calling } = context;
  const { id, credential } = await newKey(context, {
    name: `loop ${mode}`,
    budget: { limit_usd: BUDGET_USD, period: "total" },
  });
  const before = calling.calls();
  const nodes = agentOn("calling", mode, credential, calculator);
  const message = red(await ask(context, nodes, "Go round in circles"));
  const steps = calling.calls() - before;
  expect(steps >= 2, `${steps} step before the budget ended: ${message}`);
  expect(message.includes("budget"), `it does not name the budget: ${message}`);
  const page = await broker.admin.get(`/admin/ledger?key_id=${id}`);
  const { data } = page.json as { data: { cost_usd: string; overrun_usd: string }[] };
  const cost = data.reduce((sum, row) => sum + Number(row.cost_usd) + Number(row.overrun_usd), 0);
  expect(data.length === steps, `${data.length} rows in the ledger for ${steps} calls`);
  expect(cost <= Number(BUDGET_USD), `the ledger says ${cost}`);
  return `red after ${steps} steps and $${cost.toFixed(6)} of $${BUDGET_USD}: ${message}`;
}

async function broken(
  context: N8nContext,
  mode: Mode,
  model: (typeof MODELS)[number],
  fault: Fault,
): Promise<string> {
  context[model].setFault(fault);
  try {
    const nodes = agentOn(model, mode, context.rich);
    return `red: ${red(await ask(context, nodes, "[sim output=12] Hello", "streaming"))}`;
  } finally {
    context[model].setFault(null);
  }
}

/** A response is stored before it waits, and stored jobs need no room in the queue's memory. */
async function waitingInFullQueue(context: N8nContext): Promise<string> {
  const queue = await fill(context);
  const execution = ask(context, agentOn("native", "responses", context.rich), "Hello");
  await Promise.race([execution, sleep(5_000)]);
  await queue.empty();
  return `waited, then green: ${String(green(await execution)["output"])}`;
}

async function refusedByFullQueue(context: N8nContext): Promise<string> {
  const { id, credential } = await newKey(context, { name: "refused" });
  const queue = await fill(context);
  try {
    const message = red(await ask(context, agentOn("native", "chat", credential), "Hello"));
    return `red after ${await refusals(context, id)} refusal: ${message}`;
  } finally {
    await queue.empty();
  }
}

async function fullQueueTriedAgain(context: N8nContext): Promise<string> {
  const { id, credential } = await newKey(context, { name: "tried again" });
  const queue = await fill(context);
  const retry = { maxTries: 3, waitBetweenTries: 5_000 };
  const execution = ask(context, agentOn("native", "chat", credential, {}, { retry }), "Hello");
  try {
    await expectWithin(
      60_000,
      () => refusals(context, id),
      (count) => count > 0,
    );
  } finally {
    await queue.empty();
  }
  return `refused, then green: ${String(green(await execution)["output"])}`;
}

/** Counts how often the broker refused a key's request because a queue was full. */
async function refusals({ broker }: N8nContext, key: string): Promise<number> {
  const lines = await broker.log();
  return lines.filter((line) => line["key"] === key && line["error"] === "rate_limit_exceeded")
    .length;
}

/**
 * Puts callers on every slot of an engine that does not answer, and so many behind them that not
 * even a short request is accepted.
 */
async function fill({ broker, native }: N8nContext): Promise<{ empty: () => Promise<void> }> {
  native.setFault({ type: "hang" });
  const gone = new AbortController();
  const calls: Promise<void>[] = [];
  const takes = async (bytes: number): Promise<boolean> => {
    const messages = [{ role: "user", content: "x".repeat(bytes) }];
    const body = { model: "native", messages, max_tokens: 1 };
    const call = broker.caller
      .post("/v1/chat/completions", body, { signal: gone.signal })
      .then(({ status }) => expect(status === 429, `${status} from a full queue`));
    const outcome = await Promise.race([call.then(() => "refused"), sleep(300, "taken")]);
    // The remaining calls were accepted, and end when their caller hangs up.
    calls.push(call.catch(() => undefined));
    return outcome === "taken";
  };
  for (const bytes of FILL_BYTES) while (await takes(bytes));
  return {
    async empty() {
      native.setFault(null);
      gone.abort();
      await Promise.all(calls);
    },
  };
}
