import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import type { Pool } from "pg";
import type { Dispatcher } from "undici";
import { EgressError } from "../../shared/egress/egress-error.ts";
import { postSigned } from "../../shared/egress/post-signed.ts";
import { within } from "../../shared/timing/within.ts";
import {
  deliveryStatements,
  type DeliveryAttempt,
  type ClaimedDelivery,
  type DeliveryStatements,
} from "../../shared/webhooks/delivery-statements.ts";
import { judgeAnswer, judgeFailure } from "./judge-answer.ts";
import { signedMessage } from "./signed-message.ts";

export interface WebhookSenderDeps {
  readonly pool: Pick<Pool, "query">;
  /** A guarded agent: it connects only where the egress policy allows. */
  readonly agent: Dispatcher;
  readonly log: Pick<FastifyBaseLogger, "warn" | "error">;
  readonly random?: () => number;
  /** A clock that replaces the database's. */
  readonly clock?: () => Date;
  readonly timeoutMs?: number;
  readonly onAttemptEnded?: (outcome: DeliveryAttempt["outcome"]) => void;
}

/** The specification names a range of timeouts, and this one lies in it. */
const TIMEOUT_MS = 20_000;
/** A lease lasts three times the longest call; a sender that lives has recorded the end by then. */
const LEASES = 3;
const MAX_RESPONSE_BYTES = 16 * 1024;
const MAX_IN_FLIGHT = 64;
const PER_LANE = 4;
const PER_KEY = 16;
const RECORD_TRIES = 5;
const RECORD_PAUSE_MS = 500;

/**
 * Sends deliveries that are due to webhook endpoints. A delivery is lent to one sender at a time.
 * If the sender dies before it has recorded the end of the attempt, the delivery is sent again
 * under the same id.
 */
export class WebhookSender {
  readonly #deps: WebhookSenderDeps;
  readonly #statements: DeliveryStatements;
  readonly #timeoutMs: number;
  readonly #running = new Map<string, Promise<void>>();
  readonly #giveUp = new AbortController();
  #claiming: Promise<void> | undefined;
  #isWanted = false;
  #stopped = false;

  constructor(deps: WebhookSenderDeps) {
    this.#deps = deps;
    this.#statements = deliveryStatements(deps.pool, deps.clock);
    this.#timeoutMs = deps.timeoutMs ?? TIMEOUT_MS;
  }

  /**
   * Starts what is due and may start. It is called again and again, and rejects when the database
   * is away.
   */
  async round(): Promise<void> {
    this.#isWanted = true;
    this.#claiming ??= this.#claimWhileWanted().finally(() => (this.#claiming = undefined));
    await this.#claiming;
  }

  /** Resolves when nothing is in flight and nothing more is due. */
  async idle(): Promise<void> {
    while (this.#claiming !== undefined || this.#running.size > 0) {
      await this.#claiming?.catch(() => undefined);
      await Promise.all(this.#running.values());
    }
  }

  /**
   * Takes no more deliveries, lets calls end within the grace time, and gives the other deliveries
   * back.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    if (await within(graceMs, this.idle())) return;
    this.#giveUp.abort();
    await this.idle();
  }

  /**
   * Claims again if a round was asked for meanwhile: a claim under way may have looked too early.
   */
  async #claimWhileWanted(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false;
      await this.#claim();
    }
  }

  async #claim(): Promise<void> {
    const page = MAX_IN_FLIGHT - this.#running.size;
    if (this.#stopped || page <= 0) return;
    const claimed = await this.#statements.claim({
      page,
      leaseMs: this.#timeoutMs * LEASES,
      perLane: PER_LANE,
      perKey: PER_KEY,
    });
    for (const delivery of claimed) {
      const name = `${delivery.delivery_id}.${delivery.attempt}`;
      this.#running.set(
        name,
        this.#send(delivery).finally(() => {
          this.#running.delete(name);
          // Deliveries that wait behind this one need not wait for the next round. With many in
          // flight, a claim after each end would be too many claims.
          if (this.#running.size <= MAX_IN_FLIGHT / 2) this.round().catch(() => undefined);
        }),
      );
    }
  }

  async #send(delivery: ClaimedDelivery): Promise<void> {
    const start = performance.now();
    const result = await this.#call(delivery);
    this.#deps.onAttemptEnded?.(result.outcome);
    const disabled = await this.#record({
      delivery: delivery.delivery_id,
      attempt: delivery.attempt,
      url: delivery.url,
      ms: Math.round(performance.now() - start),
      ...result,
    });
    if (disabled !== null)
      this.#deps.log.error(
        { endpoint: delivery.endpoint_id, reason: disabled },
        "a webhook endpoint was disabled: its deliveries are kept, to be replayed",
      );
  }

  /** Sends one delivery. It never rejects. */
  async #call(
    delivery: ClaimedDelivery,
  ): Promise<Omit<DeliveryAttempt, "delivery" | "attempt" | "url" | "ms">> {
    const { agent, random = Math.random } = this.#deps;
    const { failures, url, claimed_at: claimedAt } = delivery;
    const start = performance.now();
    const now = (): Date => new Date(claimedAt.getTime() + (performance.now() - start));
    try {
      const answer = await postSigned(agent, {
        ...signedMessage(delivery, now()),
        url,
        timeoutMs: this.#timeoutMs,
        maxResponseBytes: MAX_RESPONSE_BYTES,
        signal: this.#giveUp.signal,
      });
      return {
        status: answer.status,
        ...judgeAnswer(answer, { failures, now: now(), random }),
      };
    } catch (error) {
      if (error instanceof EgressError)
        return { status: null, ...judgeFailure(error.reason, failures, random) };
      if (this.#giveUp.signal.aborted)
        return {
          status: null,
          outcome: "interrupted",
          error: "interrupted",
          retryMs: 0,
          gone: false,
        };
      this.#deps.log.error(
        { err: error, delivery: delivery.delivery_id },
        "a webhook was not sent",
      );
      return { status: null, ...judgeFailure("internal", failures, random) };
    }
  }

  /**
   * Records an attempt. Returns why it disabled the endpoint, or null if it did not. It gives up
   * when the database stays away.
   */
  async #record(attempt: DeliveryAttempt): Promise<"gone" | "failing" | null> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#statements.record(attempt);
      } catch (error) {
        if (tries === RECORD_TRIES) {
          this.#deps.log.warn(
            { err: error, delivery: attempt.delivery },
            "what came of a webhook could not be written: it will be sent again",
          );
          return null;
        }
        await sleep(RECORD_PAUSE_MS);
      }
    }
  }
}
