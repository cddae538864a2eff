import { afterAll, beforeAll, expect, test } from "vitest";
import { findEnded } from "../../../shared/jobs/find-ended.ts";
import { claimMember } from "./four-pools.ts";
import { acceptMember, ledgerEntry } from "./members.ts";
import { seededDatabase, seedKey, type SeededDatabase } from "./seed.ts";

let seeded: SeededDatabase;
beforeAll(async () => {
  seeded = await seededDatabase();
  const { pool } = seeded.database;
  await seedKey(pool, "key_1", 1_000_000n);
  await pool.query(
    "insert into processes (id, kind, host, pid) values ('worker_lives', 'worker', 'h', 1)",
  );
});
afterAll(() => seeded.close());

test("says of ended jobs how they ended, and whether the named worker is in the fleet", async () => {
  const { database } = seeded;
  for (const job of ["job_waits", "job_runs", "job_done", "job_over"])
    await database.accept.submit(acceptMember(job, "key_1", [100n, 100n, 100n]));
  await database.claim.submit(claimMember("job_runs"));
  await database.claim.submit(claimMember("job_done"));
  await database.settle.submit({
    job: "job_done",
    fence: 1,
    state: "done",
    ...ledgerEntry("ok", 42n),
  });
  await database.end.submit({ job: "job_over", place: null, state: "expired", code: "deadline" });
  const asked = [
    { id: "job_waits", worker: undefined },
    { id: "job_runs", worker: "worker_lives" },
    { id: "job_done", worker: "worker_lives" },
    { id: "job_over", worker: "worker_gone" },
    { id: "job_unknown", worker: undefined },
  ];
  const ended = await findEnded(database.pool, asked);
  expect(ended.toSorted((a, b) => a.id.localeCompare(b.id))).toEqual([
    {
      id: "job_done",
      state: "done",
      error_code: null,
      fence: 1,
      cost_nanos: 42n,
      worker_lives: true,
    },
    {
      id: "job_over",
      state: "expired",
      error_code: "deadline",
      fence: 0,
      cost_nanos: 0n,
      worker_lives: false,
    },
  ]);
  expect(await findEnded(database.pool, [])).toEqual([]);
  const [unnamed] = await findEnded(database.pool, [{ id: "job_done", worker: undefined }]);
  expect(unnamed?.worker_lives).toBe(false);
});
