import { eventually } from "../../support/eventually.ts";
import type { Lane } from "./lane.ts";
import { startVictim, type Victim, type VictimKind, type VictimOptions } from "./victim.ts";

/**
 * Holds the victim of a lane, which has at most one at a time. A victim that a frozen case has let
 * go on serves the lane's next case too, since each start costs 0.4 s of CPU. A scenario calls
 * `start` when a victim reaches the point while it starts. A scenario calls `end` first when it
 * needs a fresh process: an older one would take a job that is not prepared yet, or knows the
 * caller's key already.
 */
export class LaneVictim {
  readonly #lane: Pick<Lane, "database" | "env">;
  #victim: Victim | undefined;

  constructor(lane: Pick<Lane, "database" | "env">) {
    this.#lane = lane;
  }

  /** Returns the living victim if it is of this kind, and otherwise a new one. */
  async running(kind: VictimKind): Promise<Victim> {
    const victim = this.#victim;
    if (victim?.kind !== kind || victim.hasEnded()) return await this.start(kind);
    await this.#waitForNewLease(victim);
    return victim;
  }

  /** Starts a new victim; `atStart` is armed from its first step on. */
  async start(kind: VictimKind, atStart?: VictimOptions["atStart"]): Promise<Victim> {
    await this.end();
    const { env } = this.#lane;
    this.#victim = await startVictim(kind, { env, ...(atStart && { atStart }) });
    return this.#victim;
  }

  /** Kills the victim, if there is one. */
  async end(): Promise<void> {
    await this.#victim?.kill();
    this.#victim = undefined;
  }

  /** A registration counts from 0 again, so the victim has sent a heartbeat since it came back. */
  async #waitForNewLease({ id }: Victim): Promise<void> {
    await eventually(async () => {
      const { rows } = await this.#lane.database.pool.query(
        `select from processes
         where id = $1 and beat > 0 and beat_at > now() - interval '2 s'`,
        [id],
      );
      if (rows.length === 0) throw new Error(`victim ${id} has no new lease`);
    }, 15_000);
  }
}
