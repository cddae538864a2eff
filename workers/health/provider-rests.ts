import type { RestReason } from "../../shared/contracts/rest-reason.ts";
import type { ProviderHealth } from "../../shared/providers/provider-health.ts";
import type { RestStatements } from "../../shared/providers/provider-rest.ts";
import type { ProbeResult } from "../providers/provider.ts";
import type { FailureSign } from "./failure-sign.ts";
import type { RecordedFailure } from "./recorded-failure.ts";
import { OwnWrites } from "./own-writes.ts";

export interface ProviderRestsDeps {
  readonly statements: RestStatements;
  /** This worker's name in the fleet. */
  readonly worker: () => string;
  /** Whether this worker holds a slot there, so that it could make a trial call. */
  readonly hasSlots: (provider: string) => boolean;
  /** Whether the provider takes our credential, as its model list says. */
  readonly checkKey: (provider: string) => Promise<"accepted" | "refused" | "unknown">;
  /** Its phase has changed; `reason` when it begins to rest. */
  readonly onChange: (provider: string, reason?: RestReason) => void;
  readonly onError: (error: unknown, provider: string) => void;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

interface Rest {
  /** `due`: its time is over, and nobody, or another worker, tries it; `trying`: this one does. */
  phase: "resting" | "due" | "trying";
  reason: RestReason;
  lengthMs: number;
  untilMs: number;
  /** Only calls that begin later can show that it is well. */
  readonly sinceMs: number;
  /** The job whose call is the trial. */
  trial: string | undefined;
  /** The last probe found it unwell or found nobody. */
  unwell: boolean;
  keyRefused: boolean;
  askAtMs: number;
}

/** How long a provider rests: each time twice as long, up to the cap. */
const rests = { firstMs: 1_000, capMs: 15_000 };
const accountRests = { firstMs: 15_000, capMs: 60_000 };
/** Between two questions whether the credential is mended, and for the right to try. */
const KEY_MS = 2_000;
const ASK_MS = 1_000;
const TRIAL_MS = 5_000;
/** Different jobs that must have failed one after the other, none done between them. */
const IN_A_ROW: Readonly<Partial<Record<FailureSign, number>>> = {
  breaks: 2,
  hangs: 3,
  fails: 3,
  spoils: 5,
};

/**
 * Which providers rest, as this worker and, through the database, the whole fleet have found out. One
 * that refuses calls for its own state rests at once; one that merely fails them, when it has failed
 * several jobs in a row. After a rest one call at a time tries it, and the first that is answered ends it.
 */
export class ProviderRests {
  readonly #deps: ProviderRestsDeps;
  readonly #rests = new Map<string, Rest>();
  /** Jobs that each provider has failed since it last did one, with how. */
  readonly #failed = new Map<string, Map<string, FailureSign>>();
  /** Providers whose health checks say no while their calls are answered. */
  readonly #lies = new Set<string>();
  readonly #writes: OwnWrites;

  constructor(deps: ProviderRestsDeps) {
    this.#deps = deps;
    this.#writes = new OwnWrites(deps);
  }

  get hasRests(): boolean {
    return this.#rests.size > 0;
  }

  /** Nothing is sent there now; after the rest, not by this worker unless it tries it. */
  isShut(provider: string): boolean {
    const phase = this.#rests.get(provider)?.phase;
    return phase !== undefined && phase !== "trying";
  }

  /** Of one that rests: why, and when that is over. */
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

  /** Whether a job's call may begin; as the trial if the provider is on trial. */
  mayCall(provider: string, job: string): boolean {
    const rest = this.#rests.get(provider);
    if (rest === undefined) return true;
    if (rest.phase !== "trying" || rest.trial !== undefined) return false;
    rest.trial = job;
    return true;
  }

  /** The job's call is over. */
  ended(provider: string, job: string): void {
    const rest = this.#rests.get(provider);
    if (rest?.trial === job) rest.trial = undefined;
  }

  /** The provider has begun to answer a call that began at `startedMs`. */
  recordSuccess(provider: string, startedMs: number): void {
    this.#failed.delete(provider);
    const rest = this.#rests.get(provider);
    if (rest === undefined || startedMs < rest.sinceMs) return;
    if (rest.unwell) this.#lies.add(provider);
    this.#rests.delete(provider);
    this.#writes.add(provider, () => this.#deps.statements.well(provider));
    this.#deps.onChange(provider);
  }

  /**
   * A call has failed. Returns how long the provider rests from now on, if nothing of the call ran, or
   * 0 if it does not; undefined: the call counts. `patient`: a job that is owed its result; what only
   * the operator can mend it waits for, unless its caller waits for it.
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
    const isSick = this.#rests.has(provider) || this.#isRow(provider, call);
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

  /** What the database says of the fleet, as asked for at `askedMs`; what is newer here stands. */
  apply(known: Iterable<ProviderHealth>, askedMs: number): void {
    for (const { name, resting_ms: restingMs, rest_reason: reason } of known) {
      if (this.#writes.hasWrittenSince(name, askedMs)) continue;
      const rest = this.#rests.get(name);
      if (restingMs === null) {
        if (rest === undefined) continue;
        this.#rests.delete(name);
        this.#failed.delete(name);
        this.#deps.onChange(name);
      } else if (rest === undefined) {
        this.#begin(name, reason ?? "refuses", rests.firstMs, restingMs);
        this.#deps.onChange(name, reason ?? "refuses");
      } else this.#follow(name, rest, restingMs);
    }
  }

  /** What is due: a trial, another rest, a question about the credential. */
  async round(): Promise<void> {
    await Promise.all(Array.from(this.#rests, ([name, rest]) => this.#turn(name, rest)));
  }

  /** Whoever sends a bad request again, as SDKs and batches do, is no second witness. */
  #isRow(
    provider: string,
    { job, request, sign }: Pick<RecordedFailure, "job" | "request" | "sign">,
  ): boolean {
    const failed = this.#failed.get(provider) ?? new Map<string, FailureSign>();
    this.#failed.set(provider, failed);
    failed.set(sign === "hangs" || sign === "breaks" ? job : request, sign);
    const alike = [...failed.values()].filter((other) => other === sign).length;
    return alike >= (IN_A_ROW[sign] ?? 1) || failed.size >= 5;
  }

  #leftMs(provider: string): number {
    const rest = this.#rests.get(provider);
    return rest === undefined ? 0 : Math.max(0, Math.ceil(rest.untilMs - this.#deps.now()));
  }

  #rest(provider: string, reason: RestReason, leastMs: number): void {
    const limits = reason === "credential" || reason === "quota" ? accountRests : rests;
    const now = this.#deps.now();
    const before = this.#rests.get(provider);
    if (before?.phase === "resting") before.untilMs = Math.max(before.untilMs, now + leastMs);
    else {
      const lengthMs =
        before === undefined ? limits.firstMs : Math.min(2 * before.lengthMs, limits.capMs);
      this.#begin(provider, reason, lengthMs, Math.max(lengthMs, leastMs), before);
      this.#deps.onChange(provider, reason);
    }
    this.#writes.add(provider, async () => {
      await this.#deps.statements.rest(provider, { reason, ...limits, leastMs });
    });
  }

  #begin(
    provider: string,
    reason: RestReason,
    lengthMs: number,
    leftMs: number,
    before?: Rest,
  ): void {
    const now = this.#deps.now();
    this.#rests.set(provider, {
      phase: leftMs > 0 ? "resting" : "due",
      reason,
      lengthMs,
      untilMs: now + leftMs,
      sinceMs: now,
      trial: undefined,
      unwell: before?.unwell ?? false,
      keyRefused: before?.keyRefused ?? false,
      askAtMs: reason === "credential" ? now + KEY_MS : now,
    });
  }

  /** Another worker let it rest again, or found it ready. */
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

  async #turn(provider: string, rest: Rest): Promise<void> {
    const { now, worker, statements, hasSlots, onError } = this.#deps;
    try {
      if (rest.phase === "resting" && rest.reason === "credential")
        await this.#askKey(provider, rest);
      if (this.#rests.get(provider) !== rest) return;
      if (rest.phase === "resting") {
        if (now() < rest.untilMs) return;
        const isKnownSick = (rest.unwell && rest.lengthMs < rests.capMs) || rest.keyRefused;
        rest.phase = "due";
        if (isKnownSick) return this.#rest(provider, rest.reason, 0);
        this.#deps.onChange(provider);
      }
      if (now() < rest.askAtMs || this.#writes.isWriting(provider)) return;
      rest.askAtMs = now() + ASK_MS;
      const mine = hasSlots(provider) && (await statements.tryOut(provider, worker(), TRIAL_MS));
      if (this.#rests.get(provider) !== rest || this.isResting(provider)) return;
      const phase = mine ? "trying" : "due";
      if (rest.phase === phase) return;
      rest.phase = phase;
      this.#deps.onChange(provider);
    } catch (error) {
      onError(error, provider);
    }
  }

  async #askKey(provider: string, rest: Rest): Promise<void> {
    if (this.#deps.now() < rest.askAtMs) return;
    rest.askAtMs = this.#deps.now() + KEY_MS;
    const answer = await this.#deps.checkKey(provider);
    if (answer === "refused") rest.keyRefused = true;
    if (answer !== "accepted" || !rest.keyRefused) return;
    rest.keyRefused = false;
    this.#wake(provider, rest);
    rest.askAtMs = this.#deps.now();
  }
}
