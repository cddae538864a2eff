import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ForwardedChunks } from "../../../../../workers/providers/chat/forwarded-chunks.ts";
import { StreamReader } from "../../../../../workers/providers/chat/stream-reader.ts";
import { openChunkFeed } from "../../../../../workers/providers/openai/open-chunk-feed.ts";
import { callOf, chunk, doneEvent, usageChunk } from "../upstream.ts";

const events = [
  chunk({ role: "assistant", content: "" }),
  chunk({ content: "hé\u2028" }),
  chunk({ content: "🌍" }),
];
const ending = chunk({}, "stop") + usageChunk + doneEvent;

/** Other servers send the same events with comments, CRLF, CR, or no space after the colon. */
const wire = Buffer.from(
  `\uFEFF: hi\r\n\r\nretry: 5\n${events[0]?.replace("data: ", "data:")}${events[1]}: ping\r\r` +
    `${events[2]?.replaceAll("\n", "\r\n")}${ending}`,
);

function readerOf(changes: Parameters<typeof callOf>[0], chars: number): StreamReader {
  const call = callOf({ stream: true, ...changes });
  return new StreamReader(call, new ForwardedChunks(call), openChunkFeed, {
    eventChars: chars,
    heldChars: chars,
  });
}

function read(cuts: readonly number[]) {
  const reader = readerOf({ wantsUsage: true }, wire.length);
  const bounds = [0, ...cuts, wire.length];
  let text = "";
  for (const [i, from] of bounds.slice(0, -1).entries()) {
    const step = reader.push(wire.subarray(from, bounds[i + 1]));
    text += step.text;
    if (step.failure !== undefined) return step.failure;
    if (step.tail !== undefined) return { text, tail: step.tail, output: reader.outputBytes };
  }
  return { text };
}

const whole = { text: events.join(""), tail: ending, output: Buffer.byteLength("hé\u2028🌍") };

describe("StreamReader", () => {
  it("reads the same events wherever the bytes are cut once", () => {
    for (let cut = 1; cut < wire.length; cut += 1) expect(read([cut])).toEqual(whole);
  });

  it("reads the same events byte by byte", () => {
    expect(read(Array.from(wire.keys()).slice(1))).toEqual(whole);
  });

  it("reads the same events wherever the bytes are cut", () => {
    const places = fc.uniqueArray(fc.integer({ min: 1, max: wire.length - 1 }), { maxLength: 9 });
    fc.assert(
      fc.property(places, (cuts) => {
        expect(read(cuts.toSorted((a, b) => a - b))).toEqual(whole);
      }),
    );
  });

  it("never throws, whatever the bytes", () => {
    const piece = fc.oneof(
      fc.constantFrom("data: ", "data:", "\n", "\r\n", "\n\n", "event: error\n", "id: 1\n", ":\n"),
      fc.constantFrom("[DONE]", "{}", '{"choices":[{}]}', '{"error":1}', '{"usage":{}}', "null"),
      fc.json(),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const reader = readerOf({ endpoint: "completions", wantsUsage: false }, 200);
        for (const text of pieces) {
          const step = reader.push(Buffer.from(text));
          if (step.failure !== undefined || step.tail !== undefined) return;
        }
        const last = reader.end();
        expect(last.failure !== undefined || last.tail !== undefined).toBe(true);
      }),
    );
  });
});
