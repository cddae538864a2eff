import { eventually } from "../../support/eventually.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";
import {
  startHarmedProcess,
  type HarmedProcess,
  type HarmedProcessKind,
  type HarmedProcessOptions,
} from "./harmed-process.ts";

/**
 * Holds the harmed process of a fleet, which has at most one at a time. A harmed process that a
 * frozen case has let go on serves the fleet's next case too, since each start costs 0.4 s of CPU.
 * A scenario calls `start` when a harmed process reaches the point while it starts. A scenario
 * calls `end` first when it needs a fresh process: an older one would take a job that is not
 * prepared yet, or knows the caller's key already.
 */
export class HarmedProcesses {
  readonly #fleet: Pick<SurvivingFleet, "database" | "env">;
  #harmed: HarmedProcess | undefined;

  constructor(fleet: Pick<SurvivingFleet, "database" | "env">) {
    this.#fleet = fleet;
  }

  /** Returns the living harmed process if it is of this kind, and otherwise a new one. */
  async running(kind: HarmedProcessKind): Promise<HarmedProcess> {
    const harmed = this.#harmed;
    if (harmed?.kind !== kind || harmed.hasEnded()) return await this.start(kind);
    await this.#waitForNewLease(harmed);
    return harmed;
  }

  /** Starts a new harmed process; `atStart` is armed from its first step on. */
  async start(
    kind: HarmedProcessKind,
    atStart?: HarmedProcessOptions["atStart"],
  ): Promise<HarmedProcess> {
    await this.end();
    const { env } = this.#fleet;
    this.#harmed = await startHarmedProcess(kind, { env, ...(atStart && { atStart }) });
    return this.#harmed;
  }

  /** Kills the harmed process, if there is one. */
  async end(): Promise<void> {
    await this.#harmed?.kill();
    this.#harmed = undefined;
  }

  /**
   * A registration counts from 0 again, so the harmed process has sent a heartbeat since it came
   * back.
   */
  async #waitForNewLease({ id }: HarmedProcess): Promise<void> {
    await eventually(async () => {
      const { rows } = await this.#fleet.database.pool.query(
        `select from processes
         where id = $1 and beat > 0 and beat_at > now() - interval '2 s'`,
        [id],
      );
      if (rows.length === 0) throw new Error(`the harmed process ${id} has no new lease`);
    });
  }
}
