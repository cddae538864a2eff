import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { ProviderConfig } from "../../../../../config/config.ts";
import type { JobRequest } from "../../../../../shared/contracts/job-request.ts";
import type { ProviderOutcome } from "../../../../../shared/contracts/outcome.ts";
import type { JsonObject } from "../../../../../shared/json/json-object.ts";
import { preludeEvents } from "../../../../../shared/responses/finished-events.ts";
import {
  referencedResponses,
  resolveReferences,
} from "../../../../../shared/responses/item-references.ts";
import { responseId } from "../../../../../shared/responses/response-id.ts";
import { responseObject } from "../../../../../shared/responses/response-object.ts";
import { httpUpstream, providerFor, sse } from "../upstream.ts";

interface UpstreamRequest {
  readonly path: string;
  readonly body: Record<string, unknown>;
}

export interface Bridge {
  /** Clients post to `{baseUrl}/responses`. */
  readonly baseUrl: string;
  /** Requests to the upstream, in order. */
  readonly requests: readonly UpstreamRequest[];
  readonly outcomes: readonly ProviderOutcome[];
}

/** An upstream answers events, or a status with a JSON body. */
export type Script = (
  request: UpstreamRequest,
  turn: number,
) => string | { readonly status: number; readonly body: unknown };

/**
 * Starts a server that answers `/v1/responses` with a provider and a memory alone: it has no
 * admission, no queue and no database. The upstream behind it plays the script.
 */
export async function startBridge(
  script: Script,
  changes: Partial<ProviderConfig> = {},
): Promise<Bridge> {
  const requests: UpstreamRequest[] = [];
  const outcomes: ProviderOutcome[] = [];
  const outputs = new Map<string, readonly JsonObject[]>();
  const upstream = await httpUpstream((request, response, text) => {
    const got = { path: request.url ?? "", body: JSON.parse(text) as Record<string, unknown> };
    requests.push(got);
    const played = script(got, requests.length - 1);
    if (typeof played === "string") response.writeHead(200, sse).end(played);
    else response.writeHead(played.status).end(JSON.stringify(played.body));
  });
  const provider = providerFor(upstream.baseUrl, changes);
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = await readAll(request);
    const { stream, job } = jobOf(withItems(text, outputs), requests.length);
    const body = JSON.parse(job.body) as Record<string, unknown>;
    if (job.response === undefined) throw new Error("no response context");
    const context = { ...job.response, maxOutputTokens: job.maxOutputTokens };
    const events = [...preludeEvents(responseObject(body, context, { status: "queued" }))];
    const call = { ...job, model: "up", requestId: "job_1.1", signal: neverAborted() };
    const sink = {
      head: () => undefined,
      write: (more: string) => {
        events.push(more);
        return Promise.resolve();
      },
    };
    const outcome = await provider.call(call, sink);
    outcomes.push(outcome);
    if (outcome.kind === "ok" && job.response.store) {
      const stored = JSON.parse(outcome.body?.toString() ?? "") as { output: JsonObject[] };
      outputs.set(job.response.id, stored.output);
    }
    answer(response, outcome, stream, events);
  };
  const server = createServer((request, response) => {
    void serve(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { baseUrl: `http://127.0.0.1:${port}/v1`, requests, outcomes };
}

const consumed = new Set([
  "model",
  "stream",
  "stream_options",
  "background",
  "store",
  "previous_response_id",
  "service_tier",
  "max_output_tokens",
]);

/** Replaces references to items of stored responses by the items. */
function withItems(text: string, outputs: ReadonlyMap<string, readonly JsonObject[]>): string {
  const fields = JSON.parse(text) as JsonObject;
  const { input } = fields;
  if (!Array.isArray(input)) return text;
  for (const id of referencedResponses(input)) if (!outputs.has(id)) throw new Error(`no ${id}`);
  return JSON.stringify({ ...fields, input: resolveReferences(input, outputs) });
}

/** A short form of the job that the API makes of a request. */
export function jobOf(text: string, turn = 0): { stream: boolean; job: JobRequest } {
  const fields = JSON.parse(text) as Record<string, unknown>;
  const body = Object.fromEntries(Object.entries(fields).filter(([name]) => !consumed.has(name)));
  return {
    stream: fields["stream"] === true,
    job: {
      endpoint: "responses",
      stream: fields["stream"] === true,
      wantsUsage: true,
      choices: 1,
      maxOutputTokens: (fields["max_output_tokens"] as number | undefined) ?? 1000,
      body: JSON.stringify(body),
      response: {
        id: responseId(`job_${turn.toString(16).padStart(32, "0")}`),
        createdAt: 1_700_000_000,
        model: String(fields["model"]),
        background: false,
        store: fields["store"] !== false,
        previousResponseId: null,
      },
    },
  };
}

function answer(
  response: ServerResponse,
  outcome: ProviderOutcome,
  stream: boolean,
  events: readonly string[],
): void {
  if (outcome.kind !== "ok") {
    const error = outcome.kind === "failed" ? outcome.error : undefined;
    response.writeHead(400).end(JSON.stringify({ error: { code: "x", ...error } }));
  } else if (stream) {
    response.writeHead(200, sse).end(events.join("") + outcome.tail);
  } else {
    response.writeHead(200, { "content-type": outcome.contentType }).end(outcome.body);
  }
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const bytes of request) chunks.push(bytes as Buffer);
  return Buffer.concat(chunks).toString();
}

function neverAborted(): AbortSignal {
  return new AbortController().signal;
}
