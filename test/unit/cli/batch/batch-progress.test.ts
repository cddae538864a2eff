import { expect, test } from "vitest";
import { BatchPace } from "../../../../cli/batch/batch-pace.ts";
import { batchSchema, type Batch } from "../../../../cli/batch/batch.ts";
import { figures } from "../../../../cli/batch/figures.ts";
import { LineProgress } from "../../../../cli/batch/line-progress.ts";
import { openProgress } from "../../../../cli/batch/progress.ts";

const CLEAR = "\r\u001b[K";

function batch(fields: object, counts = { total: 0, completed: 0, failed: 0 }): Batch {
  const nothing = { model: null, errors: null, usage: null, paused: null, metadata: null };
  const noFiles = { output_file_id: null, error_file_id: null };
  const noTimes = {
    in_progress_at: null,
    expires_at: null,
    completed_at: null,
    failed_at: null,
    expired_at: null,
    cancelled_at: null,
  };
  return batchSchema.parse({
    id: "batch_1",
    status: "in_progress",
    endpoint: "/v1/embeddings",
    input_file_id: "file-1",
    created_at: 0,
    cost: { amount: "0.1234" },
    request_counts: counts,
    ...nothing,
    ...noFiles,
    ...noTimes,
    ...fields,
  });
}

function output(isTTY: boolean, columns?: number) {
  const written: string[] = [];
  return {
    written,
    isTTY,
    ...(columns === undefined ? {} : { columns }),
    write: (text: string | Uint8Array) => written.push(String(text)) > 0,
  };
}

test("rate and time left are those of the last half minute", () => {
  const pace = new BatchPace();
  const at = (seconds: number, completed: number, failed = 0) =>
    pace.view(batch({}, { total: 5_000, completed, failed }), seconds * 1_000);
  expect(at(0, 1_000)).toEqual({
    phase: "",
    done: "1,000 of 5,000 done",
    pace: "$0.12",
    fraction: 0.2,
  });
  expect(at(1, 1_500).pace).toBe("$0.12");
  expect(at(10, 1_990, 10)).toMatchObject({
    done: "1,990 of 5,000 done · 10 failed",
    pace: "100/s · $0.12 · 30s left",
    fraction: 0.4,
  });
  at(20, 2_090, 10);
  // The rate covers the time from second 10 on: the fast start has left the window.
  expect(at(40, 2_290, 10).pace).toBe("10/s · $0.12 · 4m 30s left");
  expect(at(80, 2_290, 10).pace).toBe("$0.12");
});

test("a batch that does not run has no rate, and says what it does", () => {
  const pace = new BatchPace();
  expect(pace.view(batch({ status: "validating" }), 0)).toEqual({
    phase: "checking the file",
    done: "",
    pace: "",
    fraction: undefined,
  });
  const paused = { reason: "insufficient_quota", message: "Spent." };
  pace.view(batch({}, { total: 9, completed: 1, failed: 0 }), 1_000);
  expect(pace.view(batch({ paused }, { total: 9, completed: 5, failed: 0 }), 9_000)).toMatchObject({
    phase: "paused (insufficient_quota)",
    pace: "$0.12",
  });
  // The pause is not part of the rate after it either.
  pace.view(batch({}, { total: 9, completed: 5, failed: 0 }), 20_000);
  const after = pace.view(batch({}, { total: 9, completed: 7, failed: 0 }), 22_000);
  expect(after.pace).toBe("1.0/s · $0.12 · 2s left");
});

test("a log gets a line for news at once, for numbers every ten seconds, for no change none", () => {
  let now = 0;
  const out = output(false);
  const progress = new LineProgress(out, () => now);
  const show = (phase: string, done: string): void =>
    progress.show({ phase, done, pace: `after ${now}`, fraction: undefined });
  show("", "1 of 9");
  now = 9_999;
  show("", "2 of 9");
  now = 10_000;
  show("", "3 of 9");
  now = 10_001;
  show("paused", "3 of 9");
  progress.say("a note");
  now = 99_000;
  show("paused", "3 of 9");
  expect(out.written.join("")).toBe(
    "1 of 9 · after 0\n3 of 9 · after 10000\npaused · 3 of 9 · after 10001\na note\n",
  );
});

test("a terminal has one line, not longer than itself, and notes above it", () => {
  const out = output(true, 46);
  const progress = openProgress(out, () => undefined);
  const view = { phase: "", done: "12 of 24 done", pace: "5/s", fraction: 0.5 };
  progress.show(view);
  progress.show({ ...view, pace: "a long way to go" });
  progress.say("a note");
  progress.end();
  progress.end();
  const bar = "█".repeat(12) + "░".repeat(12);
  expect(out.written).toEqual([
    `${CLEAR}${bar} 12 of 24 done · 5/s`,
    `${CLEAR}${bar} 12 of 24 done · a l…`,
    `${CLEAR}a note\n${bar} 12 of 24 done · a l…`,
    CLEAR,
  ]);
});

test.each([
  [false, {}],
  [true, { CI: "true" }],
  [true, { TERM: "dumb" }],
])("nothing is overwritten when isTTY is %j and the environment %j", (isTTY, env) => {
  const out = output(isTTY);
  const lookup = (name: string): string | undefined => (env as Record<string, string>)[name];
  openProgress(out, lookup).show({ phase: "checking", done: "", pace: "", fraction: undefined });
  expect(out.written).toEqual(["checking\n"]);
});

test("figures are short", () => {
  const { dollars, duration, rate } = figures;
  expect(["0", "0.000000001", "0.00123", "0.05", "0.1", "1.239", "1234.5"].map(dollars)).toEqual([
    "$0",
    "$0.000000001",
    "$0.0012",
    "$0.050",
    "$0.10",
    "$1.24",
    "$1,234.50",
  ]);
  expect([0, 0.4, 59.6, 80, 3_600, 3_661, 90_061, 1e6].map(duration)).toEqual([
    "0s",
    "0s",
    "1m",
    "1m 20s",
    "1h",
    "1h 1m",
    "1d 1h",
    "11d 13h",
  ]);
  expect([52.4, 3.14159, 0.1, 1_234].map(rate)).toEqual(["52/s", "3.1/s", "6.0/min", "1,234/s"]);
});
