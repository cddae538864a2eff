import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { expect } from "vitest";
import type { Database } from "../../../shared/db/database.ts";
import type { BrokerModel, ModelJob } from "./broker-model.ts";
import { acceptMember, ledgerEntry } from "./members.ts";
import type { Command } from "./model-commands.ts";

const WORKER = "worker_test";
const OWNER = "api_test";

/** Applies one command to both, and compares the statement's result with the model's. */
export async function step(db: Database, model: BrokerModel, c: Command): Promise<void> {
  const live = (state: ModelJob["state"]): ModelJob | undefined => {
    const jobs = model.jobs.filter((job) => job.state === state);
    return "pick" in c ? jobs[c.pick % Math.max(1, jobs.length)] : undefined;
  };
  switch (c.kind) {
    case "accept": {
      const id = `job_${randomUUID()}`;
      const member = acceptMember(id, `key_${c.key}`, c.holds);
      const row = await db.accept.submit(member);
      expect(row.verdict).toBe(model.accept(id, c.key, c.holds));
      if (c.twice && row.verdict === "accepted")
        expect((await db.accept.submit(member)).verdict).toBe("already");
      return;
    }
    case "claim": {
      const job = live("waiting");
      if (job === undefined) return;
      const place = c.stale ? job.place - 1 : job.place;
      const member = {
        job: job.id,
        place,
        provider: ["gpu-a", "gpu-b", "cloud"][job.target] ?? "",
        nonce: randomUUID(),
        worker: WORKER,
      };
      const expected = model.claim(job, place);
      const row = await db.claim.submit(member);
      expect(row.verdict === "claimed").toBe(expected);
      if (row.verdict !== "claimed") return;
      expect(row.fence).toBe(job.fence);
      expect((await db.claim.submit(member)).verdict).toBe("claimed");
      if (c.doubled)
        expect((await db.claim.submit({ ...member, nonce: randomUUID() })).verdict).toBe("gone");
      return;
    }
    case "settle": {
      const job = live("running");
      if (job === undefined) return;
      const state = c.ok ? "done" : "failed";
      const member = {
        job: job.id,
        fence: job.fence,
        state,
        ...ledgerEntry(c.ok ? "ok" : "failed", c.cost),
      } as const;
      expect((await db.settle.submit(member)).verdict).toBe("settled");
      model.post(job, c.cost, true);
      model.end(job, state);
      if (c.twice)
        expect(await db.settle.submit(member)).toMatchObject({ verdict: "already", state });
      return;
    }
    case "move": {
      const job = live("running");
      if (job === undefined) return;
      const { place, fence } = job;
      const member = {
        job: job.id,
        place,
        fence,
        target: c.target,
        delay_ms: 0,
        check_ms: 3_600_000,
        ...ledgerEntry(c.sent ? "failed" : "not_sent", c.sent ? c.cost : 0n),
      };
      const verdict = model.move(job, c.target, { cost: c.sent ? c.cost : 0n, sent: c.sent });
      expect((await db.move.submit(member)).verdict).toBe(verdict);
      if (c.twice && verdict === "moved")
        expect((await db.move.submit(member)).verdict).toBe("moved");
      return;
    }
    case "moveWaiting": {
      const job = live("waiting");
      if (job === undefined) return;
      const member = {
        job: job.id,
        place: job.place,
        fence: null,
        target: c.target,
        delay_ms: 0,
        check_ms: 3_600_000,
      };
      const verdict = model.move(job, c.target, null);
      expect((await db.move.submit(member)).verdict).toBe(verdict);
      if (c.twice && verdict === "moved")
        expect((await db.move.submit(member)).verdict).toBe("moved");
      return;
    }
    case "cancel": {
      const job = live("running") ?? model.jobs[c.pick % Math.max(1, model.jobs.length)];
      if (job === undefined) return;
      const stale = c.stale && ["waiting", "running"].includes(job.state);
      const row = await db.end.submit({
        job: job.id,
        place: stale ? job.place + 1 : null,
        state: "cancelled",
        code: "test",
      });
      if (stale) expect(row.verdict).toBe("moved");
      else if (job.state === "waiting") {
        expect(row.verdict).toBe("ended");
        model.end(job, "cancelled");
      } else if (job.state === "running") {
        expect(row).toMatchObject({ verdict: "running", worker: WORKER });
        job.stopAsked = true;
      } else expect(row).toMatchObject({ verdict: "already", state: job.state });
      return;
    }
    case "staleSettle": {
      const job = model.jobs[c.pick % Math.max(1, model.jobs.length)];
      if (job === undefined || job.fence === 0) return;
      const fence = job.state === "running" ? job.fence - 1 : job.fence;
      if (fence === 0) return;
      const row = await db.settle.submit({
        job: job.id,
        fence,
        state: "done",
        ...ledgerEntry("ok", 5n),
      });
      expect(row).toMatchObject({ verdict: "already", state: job.state });
      return;
    }
    case "expire": {
      const job = live("waiting");
      if (job === undefined) return;
      await db.pool.query("update jobs set deadline_at = now(), wake_at = now() where id = $1", [
        job.id,
      ]);
      await db.pool.query("select * from sweep_waiting(100)");
      model.end(job, "expired");
      return;
    }
    case "crashWorker": {
      await db.pool.query("select * from close_lost_attempts($1, '{}', 0, 1000, false)", [WORKER]);
      for (const job of model.jobs) if (job.state === "running") model.lose(job);
      return;
    }
    case "crashOwner": {
      await db.pool.query("select end_jobs_of_dead_owner($1)", [OWNER]);
      for (const job of model.jobs) {
        if (job.state === "running") job.stopAsked = true;
        if (job.state === "waiting") model.end(job, "cancelled");
      }
      return;
    }
    case "reset": {
      const period = model.periods.find((p) => p.key === c.key && p.current);
      if (period === undefined) throw new Error("no current period");
      period.current = false;
      model.periods.push({ ...period, settled: 0n, held: 0n, current: true });
      await turnPeriod(db.pool, c.key);
      return;
    }
    case "raise": {
      const period = model.periods.find((p) => p.key === c.key && p.current);
      if (period !== undefined) period.limit += c.by;
      await db.pool.query(
        `update budget_periods set limit_nanos = limit_nanos + $2 where id = any (current_periods($1))`,
        [`key_${c.key}`, c.by],
      );
      return;
    }
    default:
      throw new Error(`unknown command ${JSON.stringify(c)}`);
  }
}

/** Begins the next period of the same kind now, as midnight would. */
async function turnPeriod(pool: Pool, key: number): Promise<void> {
  await pool.query(
    `with old as (
       update budget_periods set ends_at = now() where id = any (current_periods($1)) returning *
     )
     insert into budget_periods (budget_id, period, starts_at, ends_at, limit_nanos)
     select budget_id, period, now(), 'infinity', limit_nanos from old`,
    [`key_${key}`],
  );
}
