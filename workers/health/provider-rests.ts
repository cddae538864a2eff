import type { RestReason } from "../../shared/contracts/rest-reason.ts";
import type { ProviderHealth } from "../../shared/providers/provider-health.ts";
import type { RestStatements } from "../../shared/providers/provider-rest.ts";
import type { ProbeResult } from "../providers/provider.ts";
import { FailureStreaks } from "./failure-streaks.ts";
import { OwnWrites } from "./own-writes.ts";
import type { RecordedFailure } from "./recorded-failure.ts";
import { takeTurn, type RestTable, type RestTurnDeps } from "./rest-turn.ts";
import { beginRest, limitsFor, nextLengthMs, usualLimits, type Rest } from "./rest.ts";

export interface ProviderRestsDeps extends RestTurnDeps {
  readonly statements: RestStatements;
}

/**
 * Keeps which providers rest, as this worker and, through the database, the whole fleet have found
 * out. A provider that refuses calls for its own state rests at once. One that only fails them
 * rests when it has failed several jobs in a row. After a rest one call at a time tries the
 * provider, and the first that is answered ends its rests.
 */
export class ProviderRests {
  readonly #deps: ProviderRestsDeps;
  readonly #rests = new Map<string, Rest>();
  readonly #streaks = new FailureStreaks();
  /** The health checks of these providers say no while their calls are answered. */
  readonly #lies = new Set<string>();
  readonly #writes: OwnWrites;

  constructor(deps: ProviderRestsDeps) {
    this.#deps = deps;
    this.#writes = new OwnWrites(deps);
  }

  get hasRests(): boolean {
    return this.#rests.size > 0;
  }

  /**
   * True while this worker sends nothing there: during the rest, and then until it tries the
   * provider.
   */
  isShut(provider: string): boolean {
    const phase = this.#rests.get(provider)?.phase;
    return phase !== undefined && phase !== "trying";
  }

  /** Returns why a provider rests and for how long, or undefined if it does not rest. */
  rest(provider: string): { reason: RestReason; leftMs: number } | undefined {
    const rest = this.#rests.get(provider);
    if (rest?.phase !== "resting") return undefined;
    return { reason: rest.reason, leftMs: this.#leftMs(provider) };
  }

  isResting(provider: string): boolean {
    return this.#rests.get(provider)?.phase === "resting";
  }

  isTrying(provider: string): boolean {
    return this.#rests.get(provider)?.phase === "trying";
  }

  /**
   * Tells whether a job's call may begin. If this worker tries the provider, the call is the trial.
   */
  mayCall(provider: string, job: string): boolean {
    const rest = this.#rests.get(provider);
    if (rest === undefined) return true;
    if (rest.phase !== "trying" || rest.trial !== undefined) return false;
    rest.trial = job;
    return true;
  }

  /** Records that the job's call is over. */
  ended(provider: string, job: string): void {
    const rest = this.#rests.get(provider);
    if (rest?.trial === job) rest.trial = undefined;
  }

  /** Records that the provider has begun to answer a call that began at `startedMs`. */
  recordSuccess(provider: string, startedMs: number): void {
    this.#streaks.end(provider);
    const rest = this.#rests.get(provider);
    if (rest === undefined || startedMs < rest.sinceMs) return;
    if (rest.unwell) this.#lies.add(provider);
    this.#rests.delete(provider);
    this.#writes.add(provider, () => this.#deps.statements.well(provider));
    this.#deps.onChange(provider);
  }

  /**
   * Records a failed call. If nothing of the call ran, it returns the milliseconds that the
   * provider rests from now on, or 0 if it does not rest. It returns undefined if the call counts.
   * A job that is owed its result is `patient`: it waits for what only the operator can mend,
   * unless its caller waits on a connection.
   */
  recordFailure(
    provider: string,
    call: Pick<RecordedFailure, "job" | "request" | "sign" | "patient" | "callerWaits">,
    leastMs = 0,
  ): number | undefined {
    const { sign } = call;
    if (sign === "answers" || sign === "unreachable") return undefined;
    if (sign === "credential" || sign === "quota") {
      this.#rest(provider, sign, leastMs);
      return call.patient && !call.callerWaits ? this.#leftMs(provider) : undefined;
    }
    const isSick = this.#rests.has(provider) || this.#streaks.add(provider, call);
    if (sign === "refuses" || isSick)
      this.#rest(provider, sign === "spoils" ? "fails" : sign, leastMs);
    const leftMs = this.#leftMs(provider);
    if (sign === "refuses" || sign === "breaks") return leftMs;
    return sign === "fails" && isSick && call.patient ? leftMs : undefined;
  }

  recordProbe(provider: string, result: ProbeResult): void {
    const rest = this.#rests.get(provider);
    if (result !== "well") {
      if (rest !== undefined) rest.unwell = true;
      else if (result === "unwell" && !this.#lies.has(provider)) {
        this.#rest(provider, "unwell", 0);
        const begun = this.#rests.get(provider);
        if (begun !== undefined) begun.unwell = true;
      }
      return;
    }
    this.#lies.delete(provider);
    if (rest?.unwell !== true) return;
    rest.unwell = false;
    this.#wake(provider, rest);
  }

  /**
   * Takes over what the database, asked at `askedMs`, says of the fleet. Newer facts of this worker
   * stand.
   */
  apply(known: Iterable<ProviderHealth>, askedMs: number): void {
    for (const { name, resting_ms: restingMs, rest_reason: reason } of known) {
      if (this.#writes.hasWrittenSince(name, askedMs)) continue;
      const rest = this.#rests.get(name);
      if (restingMs === null) {
        if (rest === undefined) continue;
        this.#rests.delete(name);
        this.#streaks.end(name);
        this.#deps.onChange(name);
      } else if (rest === undefined) {
        const begun = {
          reason: reason ?? "refuses",
          lengthMs: usualLimits.firstMs,
          leftMs: restingMs,
        };
        this.#rests.set(name, beginRest(begun, this.#deps.now()));
        this.#deps.onChange(name, begun.reason);
      } else this.#follow(name, rest, restingMs);
    }
  }

  /** Does what is due at each provider: a trial, another rest or a check of the credential. */
  async round(): Promise<void> {
    const table: RestTable = {
      get: (provider) => this.#rests.get(provider),
      isWriting: (provider) => this.#writes.isWriting(provider),
      restAgain: (provider, reason) => this.#rest(provider, reason, 0),
      wake: (provider, rest) => this.#wake(provider, rest),
    };
    await Promise.all(
      Array.from(this.#rests, ([name, rest]) => takeTurn(this.#deps, table, name, rest)),
    );
  }

  #leftMs(provider: string): number {
    const rest = this.#rests.get(provider);
    return rest === undefined ? 0 : Math.max(0, Math.ceil(rest.untilMs - this.#deps.now()));
  }

  #rest(provider: string, reason: RestReason, leastMs: number): void {
    const limits = limitsFor(reason);
    const now = this.#deps.now();
    const before = this.#rests.get(provider);
    if (before?.phase === "resting") before.untilMs = Math.max(before.untilMs, now + leastMs);
    else {
      const lengthMs = nextLengthMs(limits, before);
      const leftMs = Math.max(lengthMs, leastMs);
      this.#rests.set(provider, beginRest({ reason, lengthMs, leftMs }, now, before));
      this.#deps.onChange(provider, reason);
    }
    this.#writes.add(provider, async () => {
      await this.#deps.statements.rest(provider, { reason, ...limits, leastMs });
    });
  }

  /** Follows another worker, which let the provider rest again or found it ready. */
  #follow(provider: string, rest: Rest, restingMs: number): void {
    if (restingMs > 0) {
      rest.untilMs = this.#deps.now() + restingMs;
      if (rest.phase === "resting") return;
      rest.phase = "resting";
      rest.trial = undefined;
      this.#deps.onChange(provider, rest.reason);
    } else if (rest.phase === "resting") {
      rest.phase = "due";
      this.#deps.onChange(provider);
    }
  }

  #wake(provider: string, rest: Rest): void {
    if (rest.phase !== "resting") return;
    rest.untilMs = this.#deps.now();
    this.#writes.add(provider, () => this.#deps.statements.wake(provider));
  }
}
