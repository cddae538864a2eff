import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ReplyMessage } from "../../../../shared/contracts/reply.ts";
import {
  packEnvelope,
  payloadBytes,
  unpackEnvelope,
  type Envelope,
} from "../../../../shared/replies/envelope.ts";

const text = fc.string({ unit: "grapheme", maxLength: 40 });
const answerHeaders = fc.record({
  provider: text,
  location: fc.constantFrom("local", "cloud"),
  attempts: fc.nat(),
  queueMs: fc.nat(),
});
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const error = fc.record(
  {
    code: fc.constantFrom("upstream_failed", "unavailable"),
    message: text,
    param: text,
    retryAfterMs: fc.nat(),
  },
  { requiredKeys: ["code", "message"] },
);
const message: fc.Arbitrary<ReplyMessage> = fc.oneof(
  answerHeaders.map((of) => ({ type: "started", ...of }) as const),
  answerHeaders.map((of) => ({ type: "head", ...of }) as const),
  text.map((of) => ({ type: "chunk", text: of }) as const),
  fc.record({ type: fc.constant("result"), contentType: text, body: bytes }),
  fc.record({ type: fc.constant("result"), contentType: text, tail: text }),
  fc.record(
    {
      type: fc.constant("end"),
      state: fc.constantFrom("done", "failed", "cancelled", "expired"),
      answerHeaders,
      costNanos: fc.bigInt({ min: 0n, max: 10n ** 30n }),
      error,
    },
    { requiredKeys: ["type", "state"] },
  ),
  fc.record({
    type: fc.constant("enqueue"),
    provider: text,
    place: fc.nat(),
    delayMs: fc.nat(),
  }),
);
const job = text;
const fence = fc.nat();
const seq = fc.nat();
const envelope: fc.Arbitrary<Envelope> = fc.oneof(
  fc.record({ kind: fc.constant("message"), job, fence, seq, message }),
  fc.record({ kind: fc.constant("notice"), job, message }),
  fc.record({ kind: fc.constant("probe"), job, fence, seq }),
  fc.record({
    kind: fc.constant("ack"),
    job,
    fence,
    received: fc.integer({ min: -1 }),
    takenBytes: fc.nat(),
    missing: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("gone"), job, fence }),
  fc.record({ kind: fc.constant("stop"), job, reason: text }),
);

test("every envelope comes out as it went in", () => {
  fc.assert(
    fc.property(envelope, (sent) => {
      const { head, bytes: beside } = packEnvelope(sent);
      expect(unpackEnvelope(head, beside)).toEqual(sent);
    }),
  );
});

/** Packs the first message of an attempt. */
function packed(of: ReplyMessage) {
  return packEnvelope({ kind: "message", job: "job", fence: 1, seq: 0, message: of });
}

describe("an answer's bytes", () => {
  test.each<[string, ReplyMessage, string]>([
    ["chunk", { type: "chunk", text: 'data: {"é":"🜂"}\n\n' }, 'data: {"é":"🜂"}\n\n'],
    ["tail", { type: "result", contentType: "x", tail: "data: [DONE]\n\n" }, "data: [DONE]\n\n"],
    ["body", { type: "result", contentType: "x", body: Buffer.from("{}") }, "{}"],
  ])("of a %s travel beside the JSON, not in it", (_what, sent, expected) => {
    const { head, bytes: beside } = packed(sent);
    expect(beside.toString()).toBe(expected);
    expect(head).not.toContain(JSON.stringify(expected).slice(1, -1));
    expect(payloadBytes(sent)).toBe(Buffer.byteLength(expected));
  });

  test("that are no text at all come through", () => {
    const body = Buffer.from([0, 255, 128, 10, 13, 0]);
    const { head, bytes: beside } = packed({ type: "result", contentType: "x", body });
    expect(unpackEnvelope(head, beside)).toMatchObject({ message: { body } });
  });

  test("are counted in bytes, and only in chunks and results", () => {
    expect(payloadBytes({ type: "chunk", text: "€€" })).toBe(6);
    expect(payloadBytes({ type: "result", contentType: "x" })).toBe(0);
    expect(payloadBytes({ type: "end", state: "done" })).toBe(0);
  });
});

describe("from a newer version", () => {
  test.each([
    { kind: "weather", sky: "blue" },
    { kind: "message", job: "job", fence: 1, seq: 2, message: { type: "dance", steps: 3 } },
    { kind: "message", job: "job", fence: 1, seq: 2, payload: "song", message: { type: "sing" } },
  ])("%j is read, for its reader to pass over", (sent) => {
    const { payload: _, ...rest } = sent as { payload?: string };
    expect(unpackEnvelope(JSON.stringify(sent), Buffer.alloc(0))).toEqual(rest);
  });

  test("a field more in a known message stays", () => {
    const { head, bytes: beside } = packed({ type: "end", state: "done", costNanos: 5n });
    const more = head.replace('"state":"done"', '"state":"done","mood":"good"');
    expect(unpackEnvelope(more, beside)).toMatchObject({
      message: { type: "end", state: "done", costNanos: 5n, mood: "good" },
    });
  });
});

test("what is no JSON throws", () => {
  expect(() => unpackEnvelope("{", Buffer.alloc(0))).toThrow(SyntaxError);
});
