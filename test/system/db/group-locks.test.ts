import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { holdLock, type HeldLock } from "./held-lock.ts";
import { acceptMember, ledgerEntry } from "./members.ts";
import { seededDatabase, seedKey, type SeededDatabase } from "./seed.ts";

/**
 * No other member may wait for more statements that end at the lock. Each takes the lock timeout of
 * 150 ms. If locked members were tried one by one, others would wait for more than forty.
 */
const MOST_TIMEOUTS = 20;
const MEMBERS = 100;

let seeded: SeededDatabase;

beforeEach(async () => {
  seeded = await seededDatabase(100);
  for (const key of ["locked", "free_1", "free_2"])
    await seedKey(seeded.database.pool, key, 1_000_000n);
  await seedKey(seeded.database.pool, "unlimited", null);
});

afterEach(() => seeded.close());

function lockBudget(): Promise<HeldLock> {
  return holdLock(
    seeded.test.url,
    "select from budget_periods where id = any (current_periods('locked')) for update",
  );
}

const keys = ["locked", "free_1", "locked", "unlimited", "free_2"];
const keyOf = (index: number): string => keys[index % keys.length] ?? "";

/**
 * Submits ten waves of members while the row is locked; the lock stays until all others have their
 * answer. Resolves with all answers and the most lock timeouts that passed while one of the others
 * waited.
 */
async function waves<Row>(
  submit: (index: number) => Promise<Row>,
): Promise<{ rows: Row[]; mostTimeouts: number }> {
  await using lock = await lockBudget();
  const timeouts = countLockTimeouts();
  let mostTimeouts = 0;
  let isReleased = false;
  const behind: Promise<Row>[] = [];
  const others: Promise<Row>[] = [];
  const counted = async (index: number): Promise<Row> => {
    const before = timeouts();
    const row = await submit(index);
    mostTimeouts = Math.max(mostTimeouts, timeouts() - before);
    return row;
  };
  const uncounted = async (index: number): Promise<Row> => {
    const row = await submit(index);
    if (row !== "gave up") expect(isReleased).toBe(true);
    return row;
  };
  for (let index = 0; index < MEMBERS; index++) {
    if (keyOf(index) === "locked") behind.push(uncounted(index));
    else others.push(counted(index));
    if (index % (MEMBERS / 10) === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const answered = await Promise.all(others);
  expect(timeouts()).toBeGreaterThan(0);
  isReleased = true;
  await lock.release();
  return { rows: [...answered, ...(await Promise.all(behind))], mostTimeouts };
}

/** Counts from now on the statements that waited too long for a lock (SQLSTATE 55P03). */
function countLockTimeouts(): () => number {
  const { mock } = vi.spyOn(seeded.database.pool, "query");
  return () =>
    mock.settledResults.filter(
      ({ type, value }) => type === "rejected" && (value as { code?: unknown }).code === "55P03",
    ).length;
}

async function acceptAll(): Promise<void> {
  await Promise.all(
    Array.from({ length: MEMBERS }, (_, index) =>
      seeded.database.accept.submit(acceptMember(`job_${index}`, keyOf(index), [100n, 100n, 100n])),
    ),
  );
}

async function claimAll(): Promise<void> {
  const rows = await Promise.all(
    Array.from({ length: MEMBERS }, (_, index) =>
      seeded.database.claim.submit({
        job: `job_${index}`,
        place: 0,
        provider: "gpu-a",
        nonce: `n_${index}`,
        worker: "w",
      }),
    ),
  );
  expect(rows.every(({ verdict }) => verdict === "claimed")).toBe(true);
}

describe("a budget row that another transaction holds delays only its own key", () => {
  test("in settle", async () => {
    await acceptAll();
    await claimAll();
    const { rows, mostTimeouts } = await waves((index) =>
      seeded.database.settle.submit({
        job: `job_${index}`,
        fence: 1,
        state: "done",
        ...ledgerEntry("ok", 10n),
      }),
    );
    expect(rows.every(({ verdict }) => verdict === "settled")).toBe(true);
    expect(mostTimeouts).toBeLessThanOrEqual(MOST_TIMEOUTS);
  });

  test("in move", async () => {
    await acceptAll();
    await claimAll();
    const { rows, mostTimeouts } = await waves((index) =>
      seeded.database.move.submit({
        job: `job_${index}`,
        place: 0,
        fence: 1,
        target: 1,
        delay_ms: 0,
        check_ms: 60_000,
        ...ledgerEntry("failed", 10n),
      }),
    );
    expect(rows.every(({ verdict }) => verdict === "moved")).toBe(true);
    expect(mostTimeouts).toBeLessThanOrEqual(MOST_TIMEOUTS);
  });

  test("in end", async () => {
    await acceptAll();
    const { rows, mostTimeouts } = await waves((index) =>
      seeded.database.end.submit({
        job: `job_${index}`,
        place: 0,
        state: "cancelled",
        code: "test",
      }),
    );
    expect(rows.every(({ verdict }) => verdict === "ended")).toBe(true);
    expect(mostTimeouts).toBeLessThanOrEqual(MOST_TIMEOUTS);
  });

  test("in accept, whose own members are admitted, or give up and hold nothing once ended", async () => {
    const { accept, end, pool } = seeded.database;
    const gaveUp: string[] = [];
    const { rows, mostTimeouts } = await waves(async (index) => {
      const id = `job_${index}`;
      try {
        return (await accept.submit(acceptMember(id, keyOf(index), [100n]))).verdict;
      } catch {
        expect(keyOf(index)).toBe("locked");
        gaveUp.push(id);
        return "gave up";
      }
    });
    expect(mostTimeouts).toBeLessThanOrEqual(MOST_TIMEOUTS);
    await accept.drain();
    await Promise.all(
      gaveUp.map((job) => end.submit({ job, place: null, state: "failed", code: "accept_lost" })),
    );
    const { rows: held } = await pool.query<{ held: bigint; jobs: bigint }>(
      `select (select sum(held_nanos)::bigint from budget_periods) as held,
         (select count(*) from jobs where state = 'waiting') as jobs`,
    );
    expect(held[0]?.jobs).toBe(BigInt(rows.filter((verdict) => verdict === "accepted").length));
    expect(held[0]?.held).toBe(100n * ((held[0]?.jobs ?? 0n) - BigInt(MEMBERS / keys.length)));
  });
});

test("members of one tick with the same job each have an answer of their own", async () => {
  await seeded.database.accept.submit(acceptMember("job", "free_1", [100n]));
  const end = (code: string) =>
    seeded.database.end.submit({ job: "job", place: 0, state: "cancelled", code });
  const rows = await Promise.all([end("first"), end("second")]);
  expect(rows.map(({ verdict, error_code }) => ({ verdict, error_code }))).toEqual([
    { verdict: "ended", error_code: "first" },
    { verdict: "already", error_code: "first" },
  ]);
});

test("a job sent to accept twice in one tick holds once", async () => {
  const member = acceptMember("job", "free_1", [100n]);
  const rows = await Promise.all([
    seeded.database.accept.submit(member),
    seeded.database.accept.submit(member),
  ]);
  expect(rows.map(({ verdict }) => verdict)).toEqual(["accepted", "already"]);
  const { rows: held } = await seeded.database.pool.query(
    "select held_nanos from budget_periods where held_nanos > 0",
  );
  expect(held).toEqual([{ held_nanos: 100n }]);
});
