import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { claimMember, openFourPools, type FourPools } from "./four-pools.ts";
import { acceptMember, ledgerEntry } from "./members.ts";
import { seedKey } from "./seed.ts";

const HOUR_MS = 3_600_000;

let pools: FourPools;
beforeAll(async () => {
  pools = await openFourPools();
});
afterAll(() => pools.close());

let count = 0;
let key: string;
beforeEach(async () => {
  key = `key_${count++}`;
  await seedKey(pools.seeded.database.pool, key, 1_000n);
});

const run = (text: string, values: unknown[] = []) =>
  pools.seeded.database.pool.query(text, values);

/** Accepts a job of the test's key, which waits with this hold. */
async function waiting(name: string, hold = 100n, provider = 0): Promise<string> {
  const job = `${key}_${name}`;
  const plan = { target: provider, hold: String(hold) };
  const row = await pools.at(0).accept.submit(acceptMember(job, key, [hold, hold, hold], plan));
  expect(row.verdict).toBe("accepted");
  return job;
}

async function claim(job: string, provider = "gpu-a", at = 0): Promise<string> {
  return (await pools.at(at).claim.submit(claimMember(job, 0, provider))).verdict;
}

async function limit(nanos: bigint): Promise<void> {
  await run(
    `update budget_periods p set limit_nanos = $2 from budgets b
     where b.id = p.budget_id and b.key_id = $1`,
    [key, nanos],
  );
}

async function settle(job: string, cost: bigint): Promise<void> {
  const entry = ledgerEntry("ok", cost);
  await pools.at(0).settle.submit({ job, fence: 1, state: "done", ...entry });
}

/** Accepts a job at the moment in which the limit falls below its hold. */
async function waitingAnyway(name: string, hold: bigint): Promise<string> {
  await limit(1_000n);
  const job = await waiting(name, hold);
  await limit(299n);
  return job;
}

describe("a waiting job, at its claim", () => {
  test.each([
    ["revoked_at = now()", "revoked"],
    ["expires_at = now() - interval '1 s'", "key_expired"],
    ["expires_at = now() + interval '1 h'", "claimed"],
    ["models = '{other}'", "model"],
    ["models = '{}'", "model"],
    ["models = '{other,chat}'", "claimed"],
    ["residency = 'local'", "claimed"],
  ])("of a key with %s: %s", async (change, verdict) => {
    const job = await waiting("job");
    await run(`update keys set ${change} where id = $1`, [key]);
    expect(await claim(job)).toBe(verdict);
  });

  test("of a key that is local by now: not in the cloud", async () => {
    const job = await waiting("job", 100n, 2);
    await run("update keys set residency = 'local' where id = $1", [key]);
    expect(await claim(job, "cloud")).toBe("residency");
  });

  test("what was claimed before the change runs on, and reads its own claim again", async () => {
    const member = claimMember(await waiting("job"));
    await pools.at(0).claim.submit(member);
    await run("update keys set revoked_at = now() where id = $1", [key]);
    await limit(0n);
    expect((await pools.at(1).claim.submit(member)).verdict).toBe("claimed");
  });
});

describe("a lowered limit", () => {
  test("lets those run that it covers beside what runs, in the order in which they came", async () => {
    const jobs = [await waiting("a", 300n), await waiting("b", 300n), await waiting("c", 100n)];
    await limit(400n);
    const verdicts = await Promise.all(jobs.map((job) => claim(job)));
    expect(verdicts).toEqual(["claimed", "budget", "claimed"]);
    await pools.expectBalanced();
  });

  test("counts what is settled, and not what only waits", async () => {
    const [a, b, c] = [await waiting("a"), await waiting("b", 200n), await waiting("c", 500n)];
    await claim(a);
    await settle(a, 100n);
    await limit(300n);
    expect(await claim(b)).toBe("claimed");
    expect(await claim(c)).toBe("budget");
    await limit(299n);
    expect(await claim(await waitingAnyway("d", 0n))).toBe("budget");
  });

  test("one raised again lets what has not ended run", async () => {
    const job = await waiting("job");
    await limit(99n);
    expect(await claim(job)).toBe("budget");
    await limit(100n);
    expect(await claim(job)).toBe("claimed");
  });

  test("holds for claims from many processes at once", async () => {
    const jobs = await Promise.all(Array.from({ length: 10 }, (_, index) => waiting(`${index}`)));
    await limit(250n);
    const verdicts = await Promise.all(jobs.map((job, index) => claim(job, "gpu-a", index)));
    expect(verdicts.filter((verdict) => verdict === "claimed")).toHaveLength(2);
    expect(verdicts.filter((verdict) => verdict === "budget")).toHaveLength(8);
  });
});

describe("the time in queues", () => {
  test("of a later attempt does not count the calls before it", async () => {
    const job = await waiting("job");
    const first = await pools.at(0).claim.submit(claimMember(job));
    await run("update jobs set accepted_at = accepted_at - interval '2 h' where id = $1", [job]);
    // The job ran for one of these two hours.
    const entry = { ...ledgerEntry("failed", 0n), total_ms: HOUR_MS };
    const target = { target: 1, delay_ms: 0, check_ms: 60_000 };
    await pools.at(0).move.submit({ job, place: 0, fence: 1, ...target, ...entry });
    const second = await pools.at(0).claim.submit(claimMember(job, 1, "gpu-b"));
    const waits = [first, second].map((row) => (row.verdict === "claimed" ? row.queue_ms : -1));
    expect(waits[0]).toBeLessThan(60_000);
    expect(waits[1]).toBeGreaterThanOrEqual(HOUR_MS);
    expect(waits[1]).toBeLessThan(2 * HOUR_MS);
    await settle(job, 0n);
  });
});
