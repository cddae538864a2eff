import { expect, expectWithin } from "../run/expect.ts";
import type { Answer } from "../run/caller.ts";
import type { Flow } from "../run/flow.ts";
import { chatOf, type EngineContext, MODELS } from "./context.ts";

/** Wrong requests and wrong configurations, and where the error is reported. */
export const errorFlows: readonly Flow<EngineContext>[] = [
  { name: "what is configured wrongly, told within a second of the start", run: reportedAtStart },
  { name: "a model name that the engine does not know", run: wrongName },
  { name: "a key that the engine refuses", run: wrongKey },
  { name: "an address without /v1", run: withoutVersionPath },
  { name: "a prompt beyond the context", run: longPrompt },
  { name: "a default cap beyond the context", run: defaultCap },
  { name: "a caller's cap beyond the route's", run: callersCap },
];

const REPORTED_AFTER_MS = 1_000;
/** An answer that reports an error must come at once, long before any deadline. */
const AT_ONCE_MS = 3_000;

/** Each problem must be in the log by its code, if the engine has it at all. */
async function reportedAtStart({ broker, engine }: EngineContext): Promise<string> {
  const isLenient = engine.kind === "llamacpp";
  const expected = [
    ...(isLenient ? [] : ["unknown_model", "missing_version_path"]),
    ...(engine.lacks.keys === undefined ? ["key_refused"] : []),
  ];
  await expectWithin(
    10_000,
    async () => (await broker.log()).map((line) => line["problem"]),
    (problems) => expected.every((problem) => problems.includes(problem)),
  );
  const lines = await broker.log();
  const reports = expected.map((problem) => {
    const line = lines.find((each) => each["problem"] === problem);
    expect(line !== undefined, `nothing in the log about ${problem}`);
    const afterMs = Number(line["time"]) - broker.readyAt;
    expect(afterMs < REPORTED_AFTER_MS, `${problem} only ${afterMs} ms after the start`);
    return `${problem} ${afterMs < 0 ? "before" : `${afterMs} ms after`} it was ready`;
  });
  return reports.join(", ");
}

async function wrongName(context: EngineContext): Promise<string> {
  const answer = await misconfigured(context, MODELS.wrongName);
  if (context.engine.kind === "llamacpp") {
    expect(answer.status === 200, answer.text);
    return "200: this engine answers to any name";
  }
  const warning = await warningAbout(context, "no-such-model");
  expect(answer.status === 502 || answer.status === 404, `${answer.status} ${answer.text}`);
  return `${answer.status} in ${answer.tookMs.toFixed(0)} ms; told: ${warning}`;
}

async function wrongKey(context: EngineContext): Promise<string> {
  const reason = context.engine.lacks.keys;
  if (reason !== undefined) return `left out: ${reason}`;
  const first = await misconfigured(context, MODELS.wrongKey);
  const second = await misconfigured(context, MODELS.wrongKey);
  expect(first.status === 502 && second.status >= 500, `${first.status}, then ${second.status}`);
  expect(
    first.headers.get("x-should-retry") === "false",
    `x-should-retry ${first.headers.get("x-should-retry")}`,
  );
  const warning = await warningAbout(context, "wrong-key");
  return `${first.status}, then ${second.status}, both at once; told: ${warning}`;
}

async function withoutVersionPath(context: EngineContext): Promise<string> {
  const answer = await misconfigured(context, MODELS.withoutVersionPath);
  if (context.engine.kind === "llamacpp") {
    expect(answer.status === 200, answer.text);
    return "200: this engine answers there too";
  }
  expect(answer.status === 502 || answer.status === 404, `${answer.status} ${answer.text}`);
  const warning = await warningAbout(context, "without-version-path");
  return `${answer.status} in ${answer.tookMs.toFixed(0)} ms; told: ${warning}`;
}

async function longPrompt({ engine, caller }: EngineContext): Promise<string> {
  const messages = [{ role: "user", content: "river lake sea ".repeat(3 * engine.contextLength) }];
  const answer = await caller.post("/v1/chat/completions", chatOf(engine, 8, { messages }));
  const reason = engine.lacks["context refusal"];
  if (reason !== undefined && answer.status === 200) {
    const flagged = [...answer.headers].filter(([, value]) => value.includes("truncat"));
    expect(flagged.length > 0, `200 without a word, although ${reason}`);
    return `flagged: ${JSON.stringify(flagged)}`;
  }
  expect(answer.status === 400, `${answer.status} ${answer.text}`);
  const { error } = answer.json as { error: { code: string | null; message: string } };
  expect(error.code === "context_length_exceeded", answer.text);
  return `400 ${error.message}`;
}

async function defaultCap({ engine, caller }: EngineContext): Promise<string> {
  const { max_tokens: _, ...body } = chatOf(engine, 0);
  return begins(await caller.send("/v1/chat/completions", { ...body, stream: true }));
}

async function callersCap({ engine, caller }: EngineContext): Promise<string> {
  const body = chatOf(engine, 80_000, { stream: true });
  return begins(await caller.send("/v1/chat/completions", body));
}

/** Reads a stream until it has begun to answer, then hangs up. */
async function begins(response: Response): Promise<string> {
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes('"content":"')) {
    const read = await reader?.read();
    expect(read?.done === false, `ended with ${text.slice(0, 300)}`);
    text += read.value;
  }
  await reader?.cancel();
  return "200, text came";
}

async function misconfigured({ caller, engine }: EngineContext, model: string): Promise<Answer> {
  const answer = await caller.post("/v1/chat/completions", { ...chatOf(engine, 4), model });
  expect(answer.tookMs < AT_ONCE_MS, `only after ${answer.tookMs.toFixed(0)} ms: ${answer.text}`);
  return answer;
}

/** Returns the warning about this provider or model that must already be in the broker's log. */
async function warningAbout({ broker }: EngineContext, name: string): Promise<string> {
  const lines = await broker.log();
  const warning = lines.find(
    (line) => Number(line["level"]) >= 40 && JSON.stringify(line).includes(name),
  );
  expect(warning !== undefined, `no warning in the log names ${name}`);
  const { level: _, time: _time, ...words } = warning;
  return JSON.stringify(words);
}
