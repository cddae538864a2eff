import autocannon from "autocannon";
import { setTimeout as sleep } from "node:timers/promises";
import type { Load, LoadMessage } from "./load.ts";
import { requestBody } from "./request-body.ts";
import { spread } from "./spread.ts";

const TIMEOUT_SECONDS = 30;
const SHOWN_CHARACTERS = 500;
const CONTENT_START = '"content":"';
const FINISH = '"finish_reason":"stop"';
const STREAM_END = "data: [DONE]\n\n";

/** Runs warm-up, window and end. Reports when the window opens, and the result when it closes. */
async function run(load: Load, send: (message: LoadMessage) => void): Promise<void> {
  let latenciesMs: number[] = [];
  let firstTokensMs: number[] = [];
  let errors = 0;
  let firstError: string | undefined;
  const countError = (text: string): void => {
    errors += 1;
    firstError ??= text;
  };
  let last = { status: 0, ms: 0 };
  const countAnswer = (body: string): void => {
    const isWhole = body.includes(FINISH) && body.endsWith(load.stream ? STREAM_END : "}");
    if (last.status === 200 && isWhole) latenciesMs.push(last.ms);
    else countError(`${last.status}: ${body.slice(0, SHOWN_CHARACTERS)}`);
  };

  const stopped = Promise.withResolvers<void>();
  const options: autocannon.Options = {
    url: load.url,
    method: "POST",
    connections: load.connections,
    headers: { ...load.headers, "content-type": "application/json" },
    body: requestBody(load.bodyBytes, load.stream),
    duration: 3600,
    timeout: TIMEOUT_SECONDS,
    sampleInt: 20,
    verifyBody(body) {
      countAnswer(String(body));
      return true;
    },
    ...(load.stream
      ? { setupClient: (client) => timeFirstTokens(client, (ms) => firstTokensMs.push(ms)) }
      : {}),
  };
  const instance = autocannon(options, () => stopped.resolve());
  // This event comes right before its body is verified.
  instance.on("response", (_client, status, _bytes, ms) => (last = { status, ms }));
  instance.on("reqError", (error: unknown) => countError(String(error)));

  await sleep(load.warmUpMs);
  latenciesMs = [];
  firstTokensMs = [];
  errors = 0;
  firstError = undefined;
  const openedAt = performance.now();
  send({ type: "opened" });
  await sleep(load.windowMs);
  const seconds = (performance.now() - openedAt) / 1000;
  send({
    type: "closed",
    result: {
      seconds,
      answers: latenciesMs.length,
      errors,
      firstError,
      latencyMs: spread([...latenciesMs]),
      firstTokenMs: load.stream ? spread([...firstTokensMs]) : undefined,
    },
  });
  instance.stop();
  await stopped.promise;
  send({ type: "stopped" });
}

function timeFirstTokens(client: autocannon.Client, onFirstToken: (ms: number) => void): void {
  let sentAt: number | undefined = performance.now();
  (client as NodeJS.EventEmitter).on("request", () => (sentAt = performance.now()));
  client.on("body", (body) => {
    if (sentAt === undefined || !body.includes(CONTENT_START)) return;
    onFirstToken(performance.now() - sentAt);
    sentAt = undefined;
  });
}

process.on("message", (load: Load) => {
  void run(load, (message) => process.send?.(message));
});
process.on("disconnect", () => process.exit(0));
