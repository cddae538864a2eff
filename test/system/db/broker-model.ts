/** The database must agree with these plain objects: jobs, periods and attempts. */
export interface ModelJob {
  readonly id: string;
  readonly key: number;
  readonly period: number | null;
  readonly holds: readonly bigint[];
  state: "waiting" | "running" | "done" | "failed" | "cancelled" | "expired";
  place: number;
  fence: number;
  tries: number;
  target: number;
  hold: bigint;
  cost: bigint;
  retrying: boolean;
  stopAsked: boolean;
  /** Targets that have received a call. */
  readonly called: Set<number>;
}

export interface ModelPeriod {
  readonly key: number;
  limit: bigint;
  settled: bigint;
  held: bigint;
  current: boolean;
}

/** States the rules of holds, fences and outcomes a second time, without SQL. */
export class BrokerModel {
  readonly jobs: ModelJob[] = [];
  readonly periods: ModelPeriod[] = [];
  ledgerRows = 0;
  overrun = 0n;

  accept(id: string, key: number, holds: readonly bigint[]): "accepted" | "budget" {
    const hold = holds[0] ?? 0n;
    const at = this.periods.findIndex((p) => p.key === key && p.current);
    const period = this.periods[at];
    if (period !== undefined && period.settled + period.held + hold > period.limit) return "budget";
    if (period !== undefined) period.held += hold;
    this.jobs.push({
      id,
      key,
      holds,
      hold,
      period: at === -1 ? null : at,
      state: "waiting",
      place: 0,
      fence: 0,
      tries: 0,
      target: 0,
      cost: 0n,
      retrying: false,
      stopAsked: false,
      called: new Set(),
    });
    return "accepted";
  }

  claim(job: ModelJob, place: number): boolean {
    if (job.state !== "waiting" || job.place !== place || job.stopAsked) return false;
    job.state = "running";
    job.fence++;
    return true;
  }

  /** Posts an attempt's cost; the part beyond the hold is an overrun that no budget pays. */
  post(job: ModelJob, cost: bigint, sent: boolean): void {
    const period = job.period === null ? undefined : this.periods[job.period];
    const charge = cost <= job.hold ? cost : job.hold;
    if (period !== undefined) {
      period.settled += charge;
      period.held -= charge;
      job.hold -= charge;
    }
    this.overrun += cost - charge;
    job.cost += charge;
    this.ledgerRows++;
    if (sent) {
      job.tries++;
      job.called.add(job.target);
    }
  }

  end(job: ModelJob, state: ModelJob["state"]): void {
    const period = job.period === null ? undefined : this.periods[job.period];
    if (period !== undefined) period.held -= job.hold;
    job.hold = 0n;
    job.state = state;
    job.retrying = false;
  }

  move(job: ModelJob, target: number, attempt: { cost: bigint; sent: boolean } | null): string {
    const again = job.called.has(target) || (attempt?.sent === true && job.target === target);
    if (again && !job.stopAsked && !this.#mayRetry(job, target)) return "no_retry";
    if (attempt !== null) this.post(job, attempt.cost, attempt.sent);
    if (job.stopAsked) {
      this.end(job, "cancelled");
      return "ended";
    }
    const next = job.holds[target] ?? 0n;
    const period = job.period === null ? undefined : this.periods[job.period];
    if (
      period !== undefined &&
      next > job.hold &&
      period.settled + period.held - job.hold + next > period.limit
    ) {
      if (attempt === null) return "refused";
      this.end(job, "failed");
      return "budget";
    }
    if (period !== undefined) period.held += next - job.hold;
    Object.assign(job, {
      state: "waiting",
      place: job.place + 1,
      target,
      hold: next,
      retrying: again,
    });
    return "moved";
  }

  #mayRetry(job: ModelJob, target: number): boolean {
    const there = this.jobs.filter(
      (other) => other.target === target && ["waiting", "running"].includes(other.state),
    );
    const retries = there.filter((other) => other.retrying && other !== job).length;
    const inFlight = there.filter((other) => other.state === "running").length;
    return retries < Math.max(3, Math.floor(0.2 * inFlight));
  }

  lose(job: ModelJob): void {
    this.post(job, 0n, true);
    if (job.tries >= 3) return this.end(job, "failed");
    job.state = "waiting";
    job.place++;
  }
}
