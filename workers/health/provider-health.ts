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
  /** It is reached again after it was not. */
  readonly onBack: (provider: string) => void;
  readonly log: FastifyBaseLogger;
}

const KEY_TIMEOUT_MS = 6_000;
/** Silence after which calls at a provider that refuses connections are given up. */
const SILENT_MS = 3_000;

/**
 * What this worker knows of its providers' health, from calls and probes, and what the fleet knows;
 * opens and shuts the queues by it and writes the board.
 */
export class WorkerHealth {
  readonly #deps: ProviderHealthDeps;
  readonly #prober: Prober;
  readonly #rests: ProviderRests;
  /** One after the other: the last word in the database must be the last on the board. */
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

  /** Whether a job may rather go there than wait; on trial, it may. */
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

  /** Whether a job's call may begin now. Then `ended` must follow. */
  mayCall(provider: string, job: string): boolean {
    return this.#prober.isReachable(provider) && this.#rests.mayCall(provider, job);
  }

  ended(provider: string, job: string): void {
    this.#rests.ended(provider, job);
  }

  /** A call that began at `startedMs` (`performance.now()`) is being answered. */
  recordSuccess(provider: string, startedMs: number): void {
    this.#rests.recordSuccess(provider, startedMs);
  }

  /** Returns how long the provider rests, when nothing of the call ran; undefined: the call counts. */
  recordFailure(provider: string, failure: RecordedFailure): number | undefined {
    this.#why = failure.why;
    if (failure.sign === "unreachable") this.#prober.note(provider, false);
    const restMs = this.#rests.recordFailure(provider, failure, failure.retryAfterMs);
    this.#why = "";
    return restMs;
  }

  probe(): Promise<void> {
    return this.#prober.probe();
  }

  /** Some provider rests, or is to be tried. */
  get hasRests(): boolean {
    return this.#rests.hasRests;
  }

  /** Trials and rests that are due. */
  round(): Promise<void> {
    return this.#rests.round();
  }

  /** Writes what this worker cannot reach, and takes over what the fleet knows. */
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
    // What this worker has just found out may not be written yet.
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
