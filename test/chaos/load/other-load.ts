import { setTimeout as sleep } from "node:timers/promises";
import type { ChaosFleet } from "../fleet/chaos-fleet.ts";
import type { SeededRandom } from "../seeded-random.ts";

export interface OtherLoadOptions {
  readonly fleet: Pick<ChaosFleet, "apiUrls" | "keys">;
  readonly adminKey: string;
  readonly random: SeededRandom;
  /** No call begins after this. */
  readonly ended: AbortSignal;
}

export interface OtherRecords {
  /** The number of calls by name and status. */
  readonly counts: ReadonlyMap<string, number>;
  /** Answers that are neither right nor a regular error. */
  readonly problems: readonly string[];
}

interface Call {
  readonly name: string;
  readonly path: string;
  readonly init?: RequestInit;
  /** This is called with the body of a 2xx answer. */
  readonly onBody?: (body: Record<string, unknown>) => void;
}

const CALLERS = 6;
const PAUSE_MS = 40;
const KEPT = 20;

/** Sends calls about responses, files, keys and lists, one after the other, until `ended`. */
export async function runOtherLoad(options: OtherLoadOptions): Promise<OtherRecords> {
  const { fleet, random, ended } = options;
  const counts = new Map<string, number>();
  const problems: string[] = [];
  const known = { files: [] as string[], keys: [] as string[], responses: [] as string[] };
  const user = { authorization: `Bearer ${fleet.keys.apart}` };
  const admin = { authorization: `Bearer ${options.adminKey}` };
  const json = { "content-type": "application/json" };
  const post = (headers: Record<string, string>, body: object, method = "POST"): RequestInit => ({
    method,
    headers: { ...headers, ...json },
    body: JSON.stringify(body),
  });
  const calls: readonly (() => Call | undefined)[] = [
    () => ({
      name: "response",
      path: "/v1/responses",
      init: post(user, { model: "chat", input: "Hello", max_output_tokens: 20 }),
      onBody: keepId(known.responses),
    }),
    () => ({
      name: "response stream",
      path: "/v1/responses",
      init: post(user, { model: "chat", input: "Hello", max_output_tokens: 20, stream: true }),
    }),
    () => one("read response", known.responses.at(-1), (id) => `/v1/responses/${id}`, user),
    () => {
      const form = new FormData();
      form.set("purpose", "batch");
      form.set("file", new Blob(["x".repeat(random.int(1, 700_000))]), "a.jsonl");
      const init = { method: "POST", headers: user, body: form };
      return { name: "upload", path: "/v1/files", init, onBody: keepId(known.files) };
    },
    () => one("read file", known.files.at(-1), (id) => `/v1/files/${id}/content`, user),
    () => one("delete file", known.files.shift(), (id) => `/v1/files/${id}`, user, "DELETE"),
    () => ({ name: "list files", path: "/v1/files?limit=5", init: { headers: user } }),
    () => ({ name: "list jobs", path: "/v1/jobs?limit=5", init: { headers: user } }),
    () => ({ name: "list batches", path: "/v1/batches?limit=5", init: { headers: user } }),
    () => ({ name: "models", path: "/v1/models", init: { headers: user } }),
    () => ({ name: "providers", path: "/admin/providers", init: { headers: admin } }),
    () => ({ name: "ledger", path: "/admin/ledger?limit=5", init: { headers: admin } }),
    () => ({ name: "usage", path: "/admin/usage?group_by=key", init: { headers: admin } }),
    () => ({
      name: "make key",
      path: "/admin/keys",
      init: post(admin, { name: "made", budget: { limit_usd: 1, period: "day" } }),
      onBody: keepId(known.keys),
    }),
    () => {
      const id = known.keys.at(-1);
      const init = post(admin, { name: "renamed" }, "PATCH");
      return id === undefined ? undefined : { name: "change key", path: `/admin/keys/${id}`, init };
    },
    () => one("revoke key", known.keys.shift(), (id) => `/admin/keys/${id}`, admin, "DELETE"),
    () => ({ name: "metrics", path: "/metrics" }),
  ];
  const caller = async (): Promise<void> => {
    while (!ended.aborted) {
      const call = random.pick(calls)();
      const url = fleet.apiUrls[random.pick(["api-1", "api-2"] as const)];
      if (call !== undefined) {
        const { status, problem } = await make(url, call);
        const what = `${call.name} ${status}`;
        counts.set(what, (counts.get(what) ?? 0) + 1);
        if (problem !== undefined) problems.push(`${what}: ${problem}`);
      }
      await sleep(PAUSE_MS, undefined, { signal: ended }).catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return { counts, problems };
}

function keepId(list: string[]): (body: Record<string, unknown>) => void {
  return (body) => {
    list.push(String(body["id"]));
    if (list.length > KEPT) list.shift();
  };
}

function one(
  name: string,
  id: string | undefined,
  path: (id: string) => string,
  headers: Record<string, string>,
  method = "GET",
): Call | undefined {
  return id === undefined ? undefined : { name, path: path(id), init: { method, headers } };
}

async function make(
  url: string,
  { path, init = {}, onBody }: Call,
): Promise<{ status: number; problem: string | undefined }> {
  let status = 0;
  let text = "";
  try {
    const response = await fetch(`${url}${path}`, init);
    ({ status } = response);
    text = await response.text();
  } catch (error) {
    return { status, problem: `the connection broke: ${String((error as Error).cause ?? error)}` };
  }
  const isEvents = text.startsWith("event: ") || text.startsWith("data: ");
  if (isEvents) return { status, problem: streamProblem(text) };
  if (status < 300) {
    if (onBody !== undefined) onBody(JSON.parse(text) as Record<string, unknown>);
    return { status, problem: undefined };
  }
  // Another caller may have deleted the object.
  if (status === 404) return { status, problem: undefined };
  const isHonest = status >= 500 && /"error":\{"message":".+"code":"[a-z_]+"/.test(text);
  return { status, problem: isHonest ? undefined : text.slice(0, 300) };
}

function streamProblem(text: string): string | undefined {
  const last = text.trimEnd().split("\n\n").at(-1) ?? "";
  return /"type":"response\.(completed|failed|incomplete)"|"error"/.test(last)
    ? undefined
    : `the stream ends with ${last.slice(-300)}`;
}
