import { request, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallRecord } from "./call-record.ts";
import { readBody, readStream } from "./read-answer.ts";
import type { ShapedRequest } from "./request-shapes.ts";

/** The behaviour of one caller. */
export interface CallPlan extends Pick<
  CallRecord,
  "marker" | "api" | "key" | "residency" | "deadlineMs"
> {
  readonly request: ShapedRequest;
  /** The time after which the caller hangs up; undefined if it stays until the end. */
  readonly leavesAfterMs: number | undefined;
  /** The caller's reading speed; undefined if it reads as fast as it can. */
  readonly bytesPerSecond: number | undefined;
}

export interface CallTarget {
  readonly url: string;
  readonly secret: string;
  /** Milliseconds since the run's start. */
  readonly now: () => number;
  /** Every caller hangs up when this is aborted. */
  readonly interrupted: AbortSignal;
}

/** Time after the deadline when a caller gives up. */
const GIVE_UP_AFTER_MS = 60_000;

/** Sends one request on its own connection, never twice, and records what its caller saw. */
export async function callApi(plan: CallPlan, target: CallTarget): Promise<CallRecord> {
  const sentAtMs = target.now();
  const outgoing = request(`${target.url}/v1${plan.request.path}`, {
    method: "POST",
    agent: false,
    signal: target.interrupted,
    headers: {
      authorization: `Bearer ${target.secret}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(plan.request.body),
      "x-spillway-deadline-ms": plan.deadlineMs,
      ...(plan.residency === "local" ? { "x-spillway-residency": "local" } : {}),
    },
  });
  let end: CallRecord["end"] = "answered";
  const hangUp = (why: "left" | "hung") => (): void => {
    end = why;
    outgoing.destroy();
  };
  const timers = [setTimeout(hangUp("hung"), plan.deadlineMs + GIVE_UP_AFTER_MS)];
  if (plan.leavesAfterMs !== undefined) timers.push(setTimeout(hangUp("left"), plan.leavesAfterMs));
  let response: IncomingMessage | undefined;
  let received = "";
  try {
    response = await new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once("response", resolve).on("error", reject);
      outgoing.end(plan.request.body);
    });
    response.setEncoding("utf8");
    for await (const part of response) {
      received += part;
      if (plan.bytesPerSecond !== undefined && end === "answered")
        await sleep((String(part).length / plan.bytesPerSecond) * 1_000);
    }
  } catch {
    if (end === "answered") end = "lost";
  }
  for (const timer of timers) clearTimeout(timer);
  const isEvents = response?.headers["content-type"]?.startsWith("text/event-stream") === true;
  const { text, complete, errorCode } = isEvents ? readStream(received) : readBody(received);
  const { marker, api, key, residency, deadlineMs } = plan;
  return {
    marker,
    api,
    key,
    residency,
    deadlineMs,
    shape: plan.request.shape,
    sentAtMs,
    endedAtMs: target.now(),
    status: response?.statusCode,
    job: headerOf(response, "x-spillway-job-id"),
    provider: headerOf(response, "x-spillway-provider"),
    end,
    complete,
    errorCode,
    text: compare(text, plan.request.answer),
  };
}

function headerOf(response: IncomingMessage | undefined, name: string): string | undefined {
  const value = response?.headers[name];
  return typeof value === "string" ? value : undefined;
}

function compare(text: string, own: string): CallRecord["text"] {
  if (text === "") return "none";
  if (text === own) return "own";
  return own.startsWith(text) ? "part" : "foreign";
}
