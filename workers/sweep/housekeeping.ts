import type { Database } from "../../shared/db/database.ts";
import { NO_OWNER } from "../../shared/contracts/reply.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";
import { endJob } from "../../shared/jobs/end-job.ts";

export interface HousekeepingDeps {
  /**
   * Each function deletes a page of rows that are no longer kept, and returns how many it deleted.
   */
  readonly forgets: readonly ((page: number) => Promise<number>)[];
  /** Finds jobs whose callers lost their connections and have not come again. */
  readonly findAbandoned: (page: number) => Promise<readonly string[]>;
  readonly database: Pick<Database, "end">;
  readonly reply: ReplySender;
}

const PAGE = 1_000;
/** The most pages of one round. The next round continues, so that no round takes long. */
const MAX_PAGES = 20;

/** Deletes old results and keys of stored jobs, and ends jobs that nobody waits for. */
export class Housekeeping {
  readonly #deps: HousekeepingDeps;

  constructor(deps: HousekeepingDeps) {
    this.#deps = deps;
  }

  async forget(): Promise<void> {
    for (const forget of this.#deps.forgets)
      for (let pages = 0; pages < MAX_PAGES && (await forget(PAGE)) >= PAGE; pages++);
  }

  /**
   * Ends waiting jobs. A running job is stopped by its own worker, which looks for such requests.
   */
  async endAbandoned(): Promise<void> {
    for (const job of await this.#deps.findAbandoned(PAGE)) {
      const end = { job, place: null, state: "cancelled", code: "disconnect" } as const;
      await endJob(this.#deps, { ...end, owner: NO_OWNER });
    }
  }
}
