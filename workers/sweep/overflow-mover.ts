import type { EndState } from "../../shared/contracts/reply.ts";
import type { Database } from "../../shared/db/database.ts";
import type { MoveRow } from "../../shared/jobs/move.ts";
import {
  findStrandedJobs,
  overflowJobs,
  overflowNow,
  rerouteJobs,
} from "../../shared/jobs/overflow-jobs.ts";
import type { ProviderStates } from "../../shared/providers/provider-states.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";
import { endJob } from "../../shared/jobs/end-job.ts";
import { endError } from "../../shared/jobs/explain-end.ts";

export interface OverflowMoverDeps {
  readonly database: Pick<Database, "pool" | "end">;
  readonly providerStates: ProviderStates;
  readonly reply: ReplySender;
  /** Providers that are an overflow target of some route. */
  readonly overflowProviders: readonly string[];
  readonly checkMs: number;
}

const PAGE = 200;

/**
 * Moves waiting jobs away from providers that are down, and to overflow targets when they have
 * waited too long. The oldest jobs move first, and only as many as those targets have free slots.
 */
export class OverflowMover {
  readonly #deps: OverflowMoverDeps;

  constructor(deps: OverflowMoverDeps) {
    this.#deps = deps;
  }

  /** Runs one round. */
  async move(): Promise<void> {
    const { database, providerStates, checkMs } = this.#deps;
    const { pool } = database;
    const states = providerStates.all();
    const up = states.filter((state) => state.up).map((state) => state.name);
    for (const down of states.filter((state) => !state.up)) {
      await this.#tell(await rerouteJobs(pool, down.name, up, PAGE, checkMs));
      await overflowNow(pool, down.name, up);
      const { restReason } = down;
      if (restReason === "credential" || restReason === "quota")
        await this.#endWaiting(down.name, up, restReason);
    }
    for (const provider of this.#deps.overflowProviders)
      if (providerStates.isUp(provider))
        await this.#tell(await overflowJobs(pool, provider, checkMs));
  }

  /**
   * Ends jobs whose only providers have a fault that the operator must mend: their callers need not
   * wait for that. Jobs that no caller waits for stay.
   */
  async #endWaiting(
    down: string,
    up: readonly string[],
    problem: "credential" | "quota",
  ): Promise<void> {
    const code = `provider_${problem}`;
    const ending = await findStrandedJobs(this.#deps.database.pool, down, up, PAGE);
    await Promise.all(
      ending.map(({ job_id: job, place, owner }) =>
        endJob(this.#deps, { job, place, state: "failed", code, owner }),
      ),
    );
  }

  async #tell(rows: readonly MoveRow[]): Promise<void> {
    for (const { job_id, verdict, state, owner, provider, place } of rows) {
      if (owner === null) continue;
      if (verdict === "moved" && provider !== null && place !== null)
        await this.#deps.reply.notify(owner, job_id, {
          type: "enqueue",
          provider,
          place,
          delayMs: 0,
        });
      else if (verdict === "budget" || verdict === "ended")
        await this.#deps.reply.notify(owner, job_id, {
          type: "end",
          state: state as EndState,
          error: endError(state, verdict === "budget" ? "insufficient_quota" : undefined),
        });
    }
  }
}
