import fc, { VerbosityLevel } from "fast-check";
import type { Pool } from "pg";
import { expect, test } from "vitest";
import { BrokerModel } from "./broker-model.ts";
import { command } from "./model-commands.ts";
import { step } from "./model-step.ts";
import { seededDatabase, seedKey } from "./seed.ts";

/** Limits of three keys in nano-USD; the first has no budget. */
const limits = [null, 1_500n, 4_000n] as const;

async function compare(pool: Pool, model: BrokerModel): Promise<void> {
  const { rows: jobs } = await pool.query(
    `select id, state, place, fence, tries, target, hold_nanos as hold, cost_nanos as cost, retrying
     from jobs order by id`,
  );
  const expected = model.jobs
    .map(({ id, state, place, fence, tries, target, hold, cost, retrying }) => ({
      id,
      state,
      place,
      fence,
      tries,
      target,
      hold,
      cost,
      retrying,
    }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  expect(jobs).toEqual(expected);
  const { rows: periods } = await pool.query(
    "select limit_nanos as limit, settled_nanos as settled, held_nanos as held from budget_periods order by id",
  );
  expect(periods).toEqual(
    model.periods.map(({ limit, settled, held }) => ({ limit, settled, held })),
  );
  for (const { limit, settled, held } of model.periods) expect(settled + held <= limit).toBe(true);
  const { rows: sums } = await pool.query(
    `select (select count(*) from ledger) as rows, (select coalesce(sum(overrun_nanos), 0) from ledger)::bigint as overrun,
       (select count(*) from attempts) as open`,
  );
  expect(sums).toEqual([
    {
      rows: BigInt(model.ledgerRows),
      overrun: model.overrun,
      open: BigInt(model.jobs.filter((job) => job.state === "running").length),
    },
  ]);
}

test(
  "500 random commands leave the database as a small model says",
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 500, maxLength: 500 }), async (commands) => {
        const { database, close } = await seededDatabase(100);
        const model = new BrokerModel();
        try {
          for (const [key, limit] of limits.entries()) {
            await seedKey(database.pool, `key_${key}`, limit);
            if (limit !== null)
              model.periods.push({ key, limit, settled: 0n, held: 0n, current: true });
          }
          for (const [index, one] of commands.entries()) {
            await step(database, model, one);
            if (index % 10 === 9) await compare(database.pool, model);
          }
          await compare(database.pool, model);
        } finally {
          await close();
        }
      }),
      { numRuns: 4, verbose: VerbosityLevel.Verbose, endOnFailure: true },
    );
  },
);
