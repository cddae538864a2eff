import autocannon from "autocannon";
import { setTimeout as sleep } from "node:timers/promises";
import type { Load, LoadMessage } from "./load.ts";
import { requestBody } from "./request-body.ts";
import { spread } from "./spread.ts";

const timeoutSeconds = 30;
const shownCharacters = 500;
const contentBegins = '"content":"';
const finish = '"finish_reason":"stop"';
const streamEnd = "data: [DONE]\n\n";

/** One run: warm-up, window, end. Says when the window opens and what was seen in it. */
async function run(load: Load, tell: (message: LoadMessage) => void): Promise<void> {
  let latenciesMs: number[] = [];
  let firstTokensMs: number[] = [];
  let errors = 0;
  let firstError: string | undefined;
  const noteError = (what: string): void => {
    errors += 1;
    firstError ??= what;
  };
  let last = { status: 0, ms: 0 };
  const noteAnswer = (body: string): void => {
    const isWhole = body.includes(finish) && body.endsWith(load.stream ? streamEnd : "}");
    if (last.status === 200 && isWhole) latenciesMs.push(last.ms);
    else noteError(`${last.status}: ${body.slice(0, shownCharacters)}`);
  };

  const stopped = Promise.withResolvers<void>();
  const options: autocannon.Options = {
    url: load.url,
    method: "POST",
    connections: load.connections,
    headers: { ...load.headers, "content-type": "application/json" },
    body: requestBody(load.bodyBytes, load.stream),
    duration: 3600,
    timeout: timeoutSeconds,
    sampleInt: 20,
    verifyBody(body) {
      noteAnswer(String(body));
      return true;
    },
    ...(load.stream
      ? { setupClient: (client) => timeFirstTokens(client, (ms) => firstTokensMs.push(ms)) }
      : {}),
  };
  const instance = autocannon(options, () => stopped.resolve());
  // Comes right before its body is verified.
  instance.on("response", (_client, status, _bytes, ms) => (last = { status, ms }));
  instance.on("reqError", (error: unknown) => noteError(String(error)));

  await sleep(load.warmUpMs);
  latenciesMs = [];
  firstTokensMs = [];
  errors = 0;
  firstError = undefined;
  const openedAt = performance.now();
  tell({ type: "opened" });
  await sleep(load.windowMs);
  const seconds = (performance.now() - openedAt) / 1000;
  tell({
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
  tell({ type: "stopped" });
}

function timeFirstTokens(client: autocannon.Client, note: (ms: number) => void): void {
  let sentAt: number | undefined = performance.now();
  (client as NodeJS.EventEmitter).on("request", () => (sentAt = performance.now()));
  client.on("body", (body) => {
    if (sentAt === undefined || !body.includes(contentBegins)) return;
    note(performance.now() - sentAt);
    sentAt = undefined;
  });
}

process.on("message", (load: Load) => {
  void run(load, (message) => process.send?.(message));
});
process.on("disconnect", () => process.exit(0));
