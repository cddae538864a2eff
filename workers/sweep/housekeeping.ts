import type { Database } from "../../shared/db/database.ts";
import { NO_OWNER } from "../../shared/contracts/reply.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";
import { endJob } from "../../shared/jobs/end-job.ts";

export interface HousekeepingDeps {
  /** Each drops a page of what is kept no longer, and says how many rows that were. */
  readonly forgets: readonly ((page: number) => Promise<number>)[];
  /** Jobs whose callers lost their connections and have not come again. */
  readonly findAbandoned: (page: number) => Promise<readonly string[]>;
  readonly database: Pick<Database, "end">;
  readonly reply: ReplySender;
}

const PAGE = 1_000;
/** Of one round: the rest is for the next, so that no round takes long. */
const MAX_PAGES = 20;

/** What stored jobs leave behind: old results and keys go, and jobs that nobody waits for end. */
export class Housekeeping {
  readonly #deps: HousekeepingDeps;

  constructor(deps: HousekeepingDeps) {
    this.#deps = deps;
  }

  async forget(): Promise<void> {
    for (const forget of this.#deps.forgets)
      for (let pages = 0; pages < MAX_PAGES && (await forget(PAGE)) >= PAGE; pages++);
  }

  /** A running one is stopped by its own worker, which looks for such requests. */
  async endAbandoned(): Promise<void> {
    for (const job of await this.#deps.findAbandoned(PAGE)) {
      const end = { job, place: null, state: "cancelled", code: "disconnect" } as const;
      await endJob(this.#deps, { ...end, owner: NO_OWNER });
    }
  }
}
