import { randomUUID } from "node:crypto";
import type { InteractiveEntry } from "../../../shared/contracts/entry.ts";
import type { LedgerStatus } from "../../../shared/contracts/closed-attempt.ts";
import type {
  AnswerHeaders,
  EndState,
  ReplyError,
  ReplyMessage,
} from "../../../shared/contracts/reply.ts";
import type { ClaimedJob } from "../../../shared/jobs/claim.ts";
import type { Database } from "../../../shared/db/database.ts";
import type { LocalReplyHub } from "../../../shared/replies/local-replies.ts";
import type { LocalStopRequests } from "../../../shared/replies/stop-requests.ts";
import type { MemoryQueues } from "./memory-queues.ts";

export interface HandWorkerDeps {
  readonly database: Database;
  readonly queues: MemoryQueues;
  readonly hub: LocalReplyHub;
  readonly stops: LocalStopRequests;
}

/** The test makes each step of this worker itself, through the real statements. */
export class HandWorker {
  readonly #deps: HandWorkerDeps;

  constructor(deps: HandWorkerDeps) {
    this.#deps = deps;
  }

  /** Takes the next entry, claims its job and tells the owner that it has started. */
  async take(provider: string): Promise<RunningJob> {
    const { entry } = await this.#deps.queues.take(provider);
    const claim = await this.#deps.database.claim.submit({
      job: entry.job,
      place: entry.place,
      provider,
      nonce: randomUUID(),
      worker: "hand-worker",
    });
    if (claim.verdict !== "claimed") throw new Error(`claim: ${claim.verdict}`);
    const job = new RunningJob(this.#deps, entry, claim);
    await job.send({ type: "started", ...job.answerHeaders });
    return job;
  }
}

interface Result {
  readonly body?: Buffer;
  readonly contentType?: string;
  readonly tail?: string;
  readonly cost?: bigint;
  readonly error?: ReplyError;
}

const statuses: Record<EndState, LedgerStatus> = {
  done: "ok",
  failed: "failed",
  cancelled: "cancelled",
  expired: "cancelled",
};

/** One claimed attempt. */
export class RunningJob {
  readonly entry: InteractiveEntry;
  readonly answerHeaders: AnswerHeaders;
  readonly claim: ClaimedJob;
  /** Resolves with the reason once somebody asks this attempt to stop. */
  readonly stopRequested: Promise<string>;
  readonly #deps: HandWorkerDeps;

  constructor(deps: HandWorkerDeps, entry: InteractiveEntry, claim: ClaimedJob) {
    this.#deps = deps;
    this.entry = entry;
    this.claim = claim;
    const target = claim.plan[claim.target];
    if (target === undefined) throw new Error("no such target");
    this.answerHeaders = {
      provider: target.provider,
      location: target.location,
      attempts: claim.fence,
      queueMs: claim.queue_ms,
    };
    this.stopRequested = new Promise((resolve) => deps.stops.listen(entry.job, resolve));
  }

  send(message: ReplyMessage): Promise<boolean> {
    return this.#deps.hub.attempt(this.entry.owner, this.entry.job, this.claim.fence).send(message);
  }

  head(): Promise<boolean> {
    return this.send({ type: "head", ...this.answerHeaders });
  }

  chunk(text: string): Promise<boolean> {
    return this.send({ type: "chunk", text });
  }

  /** Settles the attempt and reports the end that the statement returned. */
  async settle(
    state: EndState,
    { cost = 0n, error, contentType = "application/json", ...result }: Result = {},
  ): Promise<void> {
    if (state === "done") await this.send({ type: "result", contentType, ...result });
    const row = await this.#deps.database.settle.submit({
      job: this.entry.job,
      fence: this.claim.fence,
      state,
      ...this.#ledger(state, cost),
    });
    if (row.state === null || row.state === "waiting" || row.state === "running")
      throw new Error(`settled, but ${row.state}`);
    await this.send({
      type: "end",
      state: row.state,
      answerHeaders: this.answerHeaders,
      costNanos: row.cost_nanos ?? 0n,
      ...(error === undefined ? {} : { error }),
    });
  }

  /** Sends a whole JSON answer. */
  answer(json: unknown, cost = 0n): Promise<void> {
    const body = Buffer.from(typeof json === "string" ? json : JSON.stringify(json));
    return this.settle("done", { body, contentType: "application/json", cost });
  }

  /** Moves the job on, as a worker does after a failed attempt. */
  async moveTo(target: number): Promise<void> {
    const row = await this.#deps.database.move.submit({
      job: this.entry.job,
      place: this.entry.place,
      fence: this.claim.fence,
      target,
      delay_ms: 0,
      check_ms: 5_000,
      ...this.#ledger("failed", 0n),
    });
    if (row.verdict !== "moved" || row.provider === null || row.place === null)
      throw new Error(`move: ${row.verdict}`);
    await this.send({ type: "enqueue", provider: row.provider, place: row.place, delayMs: 0 });
  }

  #ledger(state: EndState, cost: bigint) {
    return {
      status: statuses[state],
      error_code: null,
      prompt_tokens: 3,
      completion_tokens: 2,
      estimated: false,
      cost: String(cost),
      ttft_ms: 1,
      total_ms: 2,
    };
  }
}
