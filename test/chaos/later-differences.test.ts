import { describe, expect, test } from "vitest";
import {
  findLaterDifferences,
  type LaterRecords,
  type LaterJobRow,
} from "./check/find-later-differences.ts";
import type { LaterRecord } from "./load/later-load.ts";

const record: LaterRecord = {
  way: "async",
  residency: "any",
  cancelled: false,
  job: "job_1",
  ending: "answer",
};
const job: LaterJobRow = {
  id: "job_1",
  state: "done",
  error_code: null,
  residency: "any",
  cancel_reason: null,
};

function differences(
  seen: Partial<LaterRecord>,
  row: Partial<LaterJobRow> = {},
  given: Partial<LaterRecords> = {},
): string {
  const records = [{ ...record, ...seen }];
  const jobs = [{ ...job, ...row }];
  return findLaterDifferences({ records, jobs, cloudCalls: [], ...given }).join("\n");
}

describe("what honest callers of accepted jobs see is no difference", () => {
  test.each<[string, Partial<LaterRecord>, Partial<LaterJobRow>]>([
    ["an answer", {}, {}],
    ["a failure", { ending: "failed answer_lost" }, { state: "failed" }],
    ["a deadline", { ending: "failed deadline_exceeded" }, { state: "expired" }],
    ["a cancel", { ending: "cancelled cancelled", cancelled: true }, { state: "cancelled" }],
    ["a wait that took too long", { ending: "504 deadline_exceeded" }, {}],
  ])("%s", (_what, seen, row) => {
    expect(differences(seen, row)).toBe("");
  });

  test("a refusal, and a job that its caller never heard of", () => {
    expect(
      differences({ job: undefined, ending: "402 insufficient_quota" }, {}, { jobs: [] }),
    ).toBe("");
    expect(differences({ job: undefined, ending: "nobody answered" })).toBe("");
  });
});

describe("every kind of difference is reported", () => {
  test.each<[string, Partial<LaterRecord>, Partial<LaterJobRow>, string]>([
    ["an answer of a job that failed", {}, { state: "failed" }, "its job is failed"],
    ["a failure of a job that is done", { ending: "failed answer_lost" }, {}, "its job is done"],
    ["a foreign answer", { ending: "wrong answer x" }, {}, "wrong answer"],
    ["events twice", { ending: "events 0 1 1" }, {}, "events 0 1 1"],
    ["no end", { ending: "still {}" }, { state: "running" }, "its job is running"],
    ["a job that is lost", {}, { id: "job_2" }, "not in the database"],
    [
      "an end that nobody asked for",
      { ending: "cancelled cancelled" },
      { state: "cancelled", cancel_reason: "owner_lost" },
      "nobody cancelled it: owner_lost",
    ],
    ["another residency", { residency: "local" }, {}, "it may go any"],
  ])("%s", (_what, seen, row, said) => {
    expect(differences(seen, row)).toContain(said);
  });

  test("a second job of one request, one job of two, and a local one at the cloud", () => {
    expect(differences({}, {}, { jobs: [job, { ...job, id: "job_2" }] })).toContain(
      "1 accepted job",
    );
    expect(differences({}, {}, { records: [record, record] })).toContain("two callers");
    const local = { records: [{ ...record, residency: "local" as const }] };
    expect(
      differences({}, { residency: "local" }, { ...local, cloudCalls: ["job_1.1"] }),
    ).toContain("must stay local");
  });
});
