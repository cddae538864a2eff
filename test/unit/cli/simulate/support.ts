import OpenAI from "openai";
import { Agent, fetch, type RequestInit, type Response } from "undici";
import { onTestFinished } from "vitest";
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "../../../../cli/simulate/simulator.ts";

/** The simulator closes when the running test ends. */
export async function testSimulator(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  const simulator = await startSimulator({ kind: "gpu", slots: 100, ...options });
  onTestFinished(() => simulator.close());
  return simulator;
}

export function clientOf(simulator: Simulator, apiKey = "any"): OpenAI {
  return new OpenAI({ baseURL: simulator.url, apiKey, maxRetries: 0 });
}

export function chatBody(content = "Hello there", more: object = {}): object {
  return { model: "m", messages: [{ role: "user", content }], ...more };
}

interface PostOptions {
  readonly id?: string;
  readonly signal?: AbortSignal;
  readonly dispatcher?: Agent;
}

/** A string or a buffer is sent as it is, anything else as JSON; the path is below `/v1`. */
export function post(
  simulator: Simulator,
  path: string,
  body: object | string | Buffer,
  { id, signal, dispatcher }: PostOptions = {},
): Promise<Response> {
  const init: RequestInit = {
    method: "POST",
    body: typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    headers: {
      "content-type": "application/json",
      ...(id === undefined ? {} : { "x-client-request-id": id }),
    },
    signal: signal ?? null,
    ...(dispatcher === undefined ? {} : { dispatcher }),
  };
  return fetch(`${simulator.url}${path}`, init);
}

/** The text is what arrived before the body ended or broke off. */
export interface ReadBody {
  readonly text: string;
  readonly broken: boolean;
}

export async function readToEnd(response: Response): Promise<ReadBody> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const chunk of response.body ?? []) {
      if (chunk instanceof Uint8Array) text += decoder.decode(chunk, { stream: true });
    }
    return { text, broken: false };
  } catch {
    return { text, broken: true };
  }
}

/** Returns the `data:` payloads of a stream. */
export function eventsOf(text: string): string[] {
  return text
    .split("\n\n")
    .filter((event) => event.startsWith("data: "))
    .map((event) => event.slice("data: ".length));
}
