import type { FastifyBaseLogger } from "fastify";
import type { Pool } from "pg";
import { reportHealth } from "../../shared/providers/provider-health.ts";
import { restStatements } from "../../shared/providers/provider-rest.ts";
import type { ProviderStates } from "../../shared/providers/provider-states.ts";
import type { Provider } from "../providers/provider.ts";
import type { RecordedFailure } from "./recorded-failure.ts";
import { Prober } from "./prober.ts";
import { ProviderRests } from "./provider-rests.ts";
import type { Gate } from "../consume/provider-worker.ts";

export interface ProviderHealthDeps {
  readonly pool: Pool;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly isCloud: (provider: string) => boolean;
  readonly providerStates: ProviderStates;
  /** This worker's name in the fleet. */
  readonly worker: () => string;
  readonly hasSlots: (provider: string) => boolean;
  readonly setGate: (provider: string, gate: Gate) => void;
  /** Is called when a provider is reached again. */
  readonly onBack: (provider: string) => void;
  readonly log: FastifyBaseLogger;
}

const KEY_TIMEOUT_MS = 6_000;
/** After so long a silence, calls at a provider that refuses connections are given up. */
const SILENT_MS = 3_000;

/**
 * Keeps the health of the providers, from this worker's calls and probes and from the fleet. It
 * opens and shuts their queues by it, and records it in the provider states.
 */
export class WorkerHealth {
  readonly #deps: ProviderHealthDeps;
  readonly #prober: Prober;
  readonly #rests: ProviderRests;
  /** Reports run one after the other, so that the provider states end as the database does. */
  #reported: Promise<void> = Promise.resolve();
  #why = "";

  constructor(deps: ProviderHealthDeps) {
    const { log, providers } = deps;
    this.#deps = deps;
    this.#prober = new Prober({
      providers,
      isCloud: deps.isCloud,
      isResting: (provider) => this.#rests.isShut(provider),
      onChange: (provider, up) => {
        if (up) log.info({ provider }, "provider is back");
        else log.warn({ provider, why: this.#why || "no answer to a probe" }, "provider is down");
        if (up) deps.onBack(provider);
        this.#changed(provider);
      },
      onResult: (provider, result) => {
        this.#rests.recordProbe(provider, result);
        if (result === "refused") providers.get(provider)?.cutSilent(SILENT_MS);
      },
    });
    this.#rests = new ProviderRests({
      statements: restStatements(deps.pool),
      worker: deps.worker,
      hasSlots: deps.hasSlots,
      checkKey: async (provider) =>
        (await providers.get(provider)?.checkKey(AbortSignal.timeout(KEY_TIMEOUT_MS))) ?? "unknown",
      onChange: (provider, reason) => {
        if (reason !== undefined) log.warn({ provider, reason, why: this.#why }, "provider rests");
        else if (!this.#rests.isShut(provider) && !this.#rests.isTrying(provider))
          log.info({ provider }, "provider is well again");
        this.#changed(provider);
      },
      onError: (error, provider) => {
        log.warn({ err: error, provider }, "provider health not written; it will be tried again");
      },
      now: () => performance.now(),
    });
  }

  /** Tells whether a job may go there instead of waiting. It may while the provider is on trial. */
  isUp(provider: string): boolean {
    return (
      this.#deps.providerStates.isUp(provider) &&
      this.#prober.isReachable(provider) &&
      !this.#rests.isResting(provider)
    );
  }

  isResting(provider: string): boolean {
    return this.#rests.isResting(provider);
  }

  /** Tells whether a job's call may begin now. If it may, `ended` must follow. */
  mayCall(provider: string, job: string): boolean {
    return this.#prober.isReachable(provider) && this.#rests.mayCall(provider, job);
  }

  ended(provider: string, job: string): void {
    this.#rests.ended(provider, job);
  }

  /** Records that a call that began at `startedMs` (`performance.now()`) is being answered. */
  recordSuccess(provider: string, startedMs: number): void {
    this.#rests.recordSuccess(provider, startedMs);
  }

  /**
   * Records a failed call. Returns how many milliseconds the provider rests if nothing of the call
   * ran, or undefined if the call counts.
   */
  recordFailure(provider: string, failure: RecordedFailure): number | undefined {
    this.#why = failure.why;
    if (failure.sign === "unreachable") this.#prober.setReachable(provider, false);
    const restMs = this.#rests.recordFailure(provider, failure, failure.retryAfterMs);
    this.#why = "";
    return restMs;
  }

  probe(): Promise<void> {
    return this.#prober.probe();
  }

  /** True while a provider rests or is to be tried. */
  get hasRests(): boolean {
    return this.#rests.hasRests;
  }

  /** Makes the trials and ends the rests that are due. */
  round(): Promise<void> {
    return this.#rests.round();
  }

  /** Writes which providers this worker cannot reach, and takes over what the fleet knows. */
  report(): Promise<void> {
    return (this.#reported = this.#reportAfter(this.#reported));
  }

  async #reportAfter(before: Promise<void>): Promise<void> {
    await before.catch(() => undefined);
    const { pool, worker, providerStates } = this.#deps;
    const askedMs = performance.now();
    const known = await reportHealth(pool, worker(), this.#prober.unreachable());
    providerStates.apply(known);
    this.#rests.apply(known, askedMs);
    // A rest that this worker has just found may not be written yet.
    for (const { name } of known) this.#recordRest(name);
  }

  #changed(provider: string): void {
    const { setGate, log } = this.#deps;
    setGate(provider, this.#gateOf(provider));
    this.#recordRest(provider);
    this.report().catch((error: unknown) => {
      log.warn({ err: error, provider }, "provider health not written; it will be tried again");
    });
  }

  #recordRest(provider: string): void {
    const rest = this.#rests.rest(provider);
    if (rest !== undefined)
      this.#deps.providerStates.recordRest(provider, rest.reason, rest.leftMs);
  }

  #gateOf(provider: string): Gate {
    if (!this.#prober.isReachable(provider) || this.#rests.isShut(provider)) return "shut";
    return this.#rests.isTrying(provider) ? "one" : "open";
  }
}
