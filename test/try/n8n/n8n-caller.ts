import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Execution, readExecution } from "./execution.ts";

const PASSWORD = "Try-n8n-1";
const POLL_MS = 250;
const REGISTERED_TIMEOUT_MS = 60_000;
const UNENDED: ReadonlySet<string> = new Set(["new", "running", "waiting"]);

/** Uses n8n as its editor does, over the REST API of its own pages. */
export class N8nCaller {
  readonly #url: string;
  readonly #cookie: string;
  readonly #browser: string;

  private constructor(url: string, cookie: string, browser: string) {
    this.#url = url;
    this.#cookie = cookie;
    this.#browser = browser;
  }

  /** Signs up as the first user of a fresh n8n, who owns it. */
  static async withNewOwner(url: string): Promise<N8nCaller> {
    const browser = randomUUID();
    const owner = { email: "try@example.com", firstName: "T", lastName: "Ry", password: PASSWORD };
    const response = await fetch(`${url}/rest/owner/setup`, {
      method: "POST",
      headers: { "content-type": "application/json", "browser-id": browser },
      body: JSON.stringify(owner),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`/rest/owner/setup: ${response.status} ${text}`);
    const cookie = response.headers.getSetCookie().map((each) => each.split(";", 1)[0]);
    return new N8nCaller(url, cookie.join("; "), browser);
  }

  /**
   * Returns the `data` of an answer. Throws an `Error` with the text of any other status than 2xx.
   */
  async rest(path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.#url}/rest${path}`, {
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
      headers: {
        "content-type": "application/json",
        "browser-id": this.#browser,
        cookie: this.#cookie,
      },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`/rest${path}: ${response.status} ${text.slice(0, 600)}`);
    return (JSON.parse(text) as { data: unknown }).data;
  }

  /** Stores a workflow and switches it on. Returns its id. */
  async activate(workflow: object): Promise<string> {
    const made = (await this.rest("/workflows", workflow)) as { id: string; versionId: string };
    await this.rest(`/workflows/${made.id}/activate`, { versionId: made.versionId });
    return made.id;
  }

  /** Calls a production webhook, which exists only some time after its workflow was switched on. */
  async webhook(path: string, body: unknown): Promise<void> {
    const deadlineMs = performance.now() + REGISTERED_TIMEOUT_MS;
    for (;;) {
      const response = await fetch(`${this.#url}/webhook/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      // The answer of the workflow itself is read from its execution.
      if (response.status !== 404) return;
      if (performance.now() > deadlineMs) throw new Error(`the webhook is not there: ${text}`);
      await sleep(POLL_MS);
    }
  }

  /** Returns the id of a workflow's newest execution. */
  async newestExecution(workflow: string): Promise<string | undefined> {
    return (await this.#newest(workflow))?.id;
  }

  /**
   * Returns a workflow's newest execution, other than `before`, once it has ended. Throws after
   * `timeoutMs`.
   */
  async executionOf(workflow: string, timeoutMs: number, before?: string): Promise<Execution> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const newest = await this.#newest(workflow);
      const ended = newest !== undefined && !UNENDED.has(newest.status);
      if (ended && newest.id !== before) {
        return readExecution(await this.rest(`/executions/${newest.id}`));
      }
      if (performance.now() > deadlineMs) {
        throw new Error(`the execution is ${newest?.status ?? "not there"} after ${timeoutMs} ms`);
      }
      await sleep(POLL_MS);
    }
  }

  async #newest(workflow: string): Promise<{ id: string; status: string } | undefined> {
    const filter = encodeURIComponent(JSON.stringify({ workflowId: workflow }));
    const page = (await this.rest(`/executions?filter=${filter}&limit=1`)) as {
      results: readonly { id: string; status: string }[];
    };
    return page.results[0];
  }
}
