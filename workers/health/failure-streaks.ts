import type { FailureSign } from "./failure-sign.ts";
import type { RecordedFailure } from "./recorded-failure.ts";

/** So many different jobs must have failed one after the other, none answered between them. */
const IN_A_ROW: Readonly<Partial<Record<FailureSign, number>>> = {
  breaks: 2,
  hangs: 3,
  fails: 3,
  spoils: 5,
};
/** So many different jobs are enough even if their failures have different signs. */
const OF_ANY_SIGN = 5;

/** Counts the jobs that each provider has failed since its last answer. */
export class FailureStreaks {
  /** The signs of the failures by job or request, for each provider. */
  readonly #failed = new Map<string, Map<string, FailureSign>>();

  /**
   * Adds a failure and tells whether there are enough in a row. A bad request that is sent again, as
   * SDKs and batches do, counts once.
   */
  add(
    provider: string,
    { job, request, sign }: Pick<RecordedFailure, "job" | "request" | "sign">,
  ): boolean {
    const failed = this.#failed.get(provider) ?? new Map<string, FailureSign>();
    this.#failed.set(provider, failed);
    failed.set(sign === "hangs" || sign === "breaks" ? job : request, sign);
    const alike = [...failed.values()].filter((other) => other === sign).length;
    return alike >= (IN_A_ROW[sign] ?? 1) || failed.size >= OF_ANY_SIGN;
  }

  /** Ends a provider's streak. */
  end(provider: string): void {
    this.#failed.delete(provider);
  }
}
