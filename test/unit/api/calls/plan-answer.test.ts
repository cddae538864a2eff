import { describe, expect, test } from "vitest";
import {
  planAnswer,
  type AnswerPlan,
  type CallTraits,
  type StoredPlan,
} from "../../../../api/calls/plan-answer.ts";

const flags = [false, true];
/** The list holds every combination of the traits. */
const calls: readonly CallTraits[] = flags.flatMap((hasIdempotencyKey) =>
  flags.flatMap((respondAsync) =>
    flags.flatMap((background) =>
      flags.flatMap((stored) =>
        flags.flatMap((attachRetries) =>
          [undefined, 0, 1, 2].map((sdkRetries) => ({
            hasIdempotencyKey,
            respondAsync,
            background,
            stored,
            attachRetries,
            sdkRetries,
          })),
        ),
      ),
    ),
  ),
);

const stored = (callerWaits: boolean, onDisconnect: StoredPlan["onDisconnect"]): StoredPlan => ({
  kind: "stored",
  callerWaits,
  onDisconnect,
});

/** A call matches when each named trait has one of these values; all others are free. */
type Row = { readonly [Name in keyof CallTraits]?: readonly CallTraits[Name][] };

const no = [false];
const yes = [true];
const waits = { respondAsync: no, background: no };
const alone = { ...waits, hasIdempotencyKey: no };

const table: readonly (readonly [name: string, row: Row, plan: AnswerPlan])[] = [
  ["asks for a job by its header", { respondAsync: yes }, stored(false, "go-on")],
  [
    "asks for a response in the background",
    { respondAsync: no, background: yes },
    stored(false, "go-on"),
  ],
  [
    "waits, and can come again with its idempotency key",
    { ...waits, hasIdempotencyKey: yes },
    stored(true, "go-on"),
  ],
  [
    "comes from an SDK that may send it again",
    { ...alone, attachRetries: yes, sdkRetries: [0] },
    stored(true, "await-retry"),
  ],
  [
    "is an SDK's retry",
    { ...alone, attachRetries: yes, sdkRetries: [1, 2] },
    { kind: "join", otherwise: stored(true, "await-retry") },
  ],
  [
    "wants its answer kept, from another client",
    { ...alone, attachRetries: yes, sdkRetries: [undefined], stored: yes },
    stored(true, "cancel"),
  ],
  [
    "wants its answer kept where retries do not join",
    { ...alone, attachRetries: no, stored: yes },
    stored(true, "cancel"),
  ],
  [
    "has nothing but its connection, from another client",
    { ...alone, attachRetries: yes, sdkRetries: [undefined], stored: no },
    { kind: "interactive" },
  ],
  [
    "has nothing but its connection where retries do not join",
    { ...alone, attachRetries: no, stored: no },
    { kind: "interactive" },
  ],
];

function matches(call: CallTraits, row: Row): boolean {
  return Object.entries(row).every(([name, values]) =>
    (values as readonly unknown[]).includes(call[name as keyof CallTraits]),
  );
}

describe("a call that", () => {
  test.each(table)("%s", (_name, row, plan) => {
    const found = calls.filter((call) => matches(call, row));
    expect(found).not.toEqual([]);
    for (const call of found) expect([call, planAnswer(call)]).toEqual([call, plan]);
  });
});

test("each combination stands in one row of the table", () => {
  expect(calls).toHaveLength(128);
  for (const call of calls)
    expect([call, table.filter(([, row]) => matches(call, row)).length]).toEqual([call, 1]);
});
