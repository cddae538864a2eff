import { describe, expect, test } from "vitest";
import {
  ANSWER_GRACE_MS,
  type CallerRecords,
  findCallerDifferences,
  type JobRow,
} from "./check/find-caller-differences.ts";
import type { CallRecord } from "./load/call-record.ts";

const call: CallRecord = {
  marker: "m1",
  shape: "short json",
  api: "api-1",
  key: "free",
  residency: "any",
  sentAtMs: 1_000,
  endedAtMs: 2_000,
  deadlineMs: 20_000,
  status: 200,
  job: "job_1",
  provider: "gpu-a",
  end: "answered",
  complete: true,
  errorCode: undefined,
  text: "own",
};
const refused: Partial<CallRecord> = { complete: false, text: "none" };
const job: JobRow = { id: "job_1", state: "done", error_code: null, residency: "any" };

const inTroubleThen: CallerRecords["wasDisturbed"] = (api, fromMs, toMs) =>
  api === "api-1" && fromMs === call.sentAtMs && toMs === call.endedAtMs;

function differences(
  record: Partial<CallRecord>,
  given: Partial<CallerRecords> & { readonly row?: Partial<JobRow> } = {},
): string[] {
  const { row, ...others } = given;
  return findCallerDifferences({
    records: [{ ...call, ...record }],
    jobs: [{ ...job, ...row }],
    cloudCalls: [],
    wasDisturbed: () => false,
    ...others,
  });
}

describe("what honest callers see is no difference", () => {
  test.each<[string, Partial<CallRecord>, Partial<JobRow>]>([
    ["an own whole answer", {}, {}],
    [
      "a refusal",
      { ...refused, status: 402, errorCode: "insufficient_quota" },
      { state: "failed" },
    ],
    ["an answer said to be lost", { ...refused, status: 502, errorCode: "answer_lost" }, {}],
    ["a caller who left", { ...refused, end: "left", status: undefined }, { state: "cancelled" }],
    [
      "a stream that broke with an error",
      { complete: false, text: "part", errorCode: "upstream_failed" },
      { state: "failed" },
    ],
  ])("%s", (_what, record, row) => {
    expect(differences(record, { row })).toEqual([]);
  });

  test("a broken connection to a process that was killed", () => {
    const lost = { ...refused, end: "lost", status: undefined, job: undefined } as const;
    expect(differences(lost, { wasDisturbed: inTroubleThen })).toEqual([]);
    expect(differences(lost)).toEqual([expect.stringContaining("the connection broke")]);
  });
});

describe("every kind of difference is reported", () => {
  test.each<[string, Partial<CallRecord>, Partial<JobRow>, string]>([
    ["a foreign answer", { text: "foreign" }, {}, "the text of another answer"],
    ["a half answer that says it is whole", { text: "part" }, {}, "with part of its text"],
    ["an error in a whole answer", { errorCode: "upstream_failed" }, {}, "and a complete answer"],
    ["an end without an end", { complete: false, text: "part" }, {}, "ended without an end"],
    ["an answer of a job that failed", {}, { state: "failed", error_code: "cut" }, "failed (cut)"],
    ["an error of a job that is done", { ...refused, errorCode: "unavailable" }, {}, "is done"],
    [
      "a deadline that was none",
      { ...refused, status: 504, errorCode: "deadline_exceeded" },
      { state: "cancelled" },
      "its job is cancelled",
    ],
    ["a job that is lost", {}, { id: "job_2" }, "not in the database"],
    ["an answer without a job", { job: undefined }, {}, "answered without a job"],
    ["a caller left alone", { ...refused, end: "hung" }, {}, "never got an answer"],
    [
      "an answer long after its deadline",
      { endedAtMs: 1_000 + 20_000 + ANSWER_GRACE_MS + 1 },
      {},
      "after its deadline",
    ],
    [
      "a local answer of the cloud",
      { residency: "local", provider: "cloud" },
      {},
      "must stay local",
    ],
  ])("%s", (_what, record, row, said) => {
    expect(differences(record, { row }).join("\n")).toContain(said);
  });

  test("a local job at the cloud, whatever its caller or its row said", () => {
    const cloudCalls = ["job_1.1"];
    expect(differences({ residency: "local" }, { cloudCalls })).toHaveLength(1);
    expect(differences({}, { cloudCalls, row: { residency: "local" } })).toEqual([
      "job job_1 must stay local, and the cloud saw it",
    ]);
  });

  test("jobs that nobody asked for, and one that two callers were told", () => {
    expect(differences({}, { jobs: [job, { ...job, id: "job_2" }] })).toEqual([
      "1 jobs that no caller knows, and 0 callers who know no job",
    ]);
    const records = [call, { ...call, marker: "m2" }];
    expect(differences({}, { records })).toEqual(["m2 and m1 were told the same job job_1"]);
  });
});
