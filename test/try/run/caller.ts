import { EventSourceParserStream } from "eventsource-parser/stream";
import { parseJson } from "../../../shared/json/json-object.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The text parsed as JSON; undefined when it is not JSON. */
  readonly json: unknown;
  readonly tookMs: number;
}

export interface StreamedAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Every event except `[DONE]` is listed with its parsed data. */
  readonly events: readonly Record<string, unknown>[];
  /** Tells whether `[DONE]` was received. */
  readonly done: boolean;
}

export interface LedgerRow {
  readonly job_id: string;
  readonly attempt: number;
  readonly provider: string;
  readonly status: string;
  readonly error_code: string | null;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly estimated: boolean;
}

/**
 * The caller sends HTTP requests with a key, as small programs do: unlike an SDK it never tries
 * again by itself.
 */
export class Caller {
  readonly #url: string;
  readonly #key: string;
  readonly #admin: Caller;

  constructor(url: string, key: string, admin?: Caller) {
    this.#url = url;
    this.#key = key;
    this.#admin = admin ?? this;
  }

  /** Returns a caller of the same broker with another key. */
  as(key: string): Caller {
    return new Caller(this.#url, key, this.#admin);
  }

  send(path: string, body: unknown, extra: RequestInit = {}): Promise<Response> {
    return fetch(`${this.#url}${path}`, {
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
      ...extra,
      headers: {
        authorization: `Bearer ${this.#key}`,
        "content-type": "application/json",
        ...(extra.headers as Record<string, string> | undefined),
      },
    });
  }

  /** Sends a request and returns its whole answer, whatever its status. */
  async post(path: string, body: unknown, extra: RequestInit = {}): Promise<Answer> {
    const began = performance.now();
    const response = await this.send(path, body, extra);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: parseJson(text),
      tookMs: performance.now() - began,
    };
  }

  get(path: string): Promise<Answer> {
    return this.post(path, undefined);
  }

  /**
   * Sends a request and returns its answer as server-sent events, to its end; an error has no
   * events.
   */
  async stream(path: string, body: Record<string, unknown>): Promise<StreamedAnswer> {
    const response = await this.send(path, { ...body, stream: true });
    const events: Record<string, unknown>[] = [];
    let done = false;
    if (response.body !== null && response.ok) {
      const parsed = response.body
        .pipeThrough(new TextDecoderStream())
        .pipeThrough(new EventSourceParserStream());
      for await (const { data } of parsed) {
        if (data === "[DONE]") done = true;
        else events.push(JSON.parse(data) as Record<string, unknown>);
      }
    }
    return { status: response.status, headers: response.headers, events, done };
  }

  /** Returns the ledger rows of a job, in the order of its attempts. */
  async ledger(jobId: string): Promise<LedgerRow[]> {
    const page = await this.#admin.get(`/admin/ledger?job_id=${jobId}`);
    const { data } = page.json as { data: LedgerRow[] };
    return data.toSorted((a, b) => a.attempt - b.attempt);
  }

  /** Returns a provider by its name from `/admin/providers`. */
  async provider(name: string): Promise<Record<string, unknown>> {
    const page = await this.#admin.get("/admin/providers");
    const { data } = page.json as { data: Record<string, unknown>[] };
    return data.find((provider) => provider["name"] === name) ?? {};
  }
}
