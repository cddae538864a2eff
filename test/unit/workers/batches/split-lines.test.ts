import fc from "fast-check";
import { expect, test } from "vitest";
import { isBlank, splitLines, type FileLine } from "../../../../workers/batches/split-lines.ts";

const NO_LIMIT = Number.MAX_SAFE_INTEGER;

async function* stream(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

async function split(chunks: readonly Buffer[], maxLineBytes = NO_LIMIT): Promise<FileLine[]> {
  const lines: FileLine[] = [];
  for await (const some of splitLines(stream(chunks), maxLineBytes)) lines.push(...some);
  return lines;
}

/** By definition the last line feed ends a line and begins none. */
function expected(text: string): string[] {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

const text = fc
  .array(fc.constantFrom("a", "\n", "\r", " ", "é", "😀", "long text"), { maxLength: 40 })
  .map((parts) => parts.join(""));

/** The bytes are cut anywhere: also within a character, and into empty pieces. */
const chunked = fc
  .tuple(text, fc.array(fc.nat({ max: 200 }), { maxLength: 12 }))
  .map(([whole, cuts]) => {
    const bytes = Buffer.from(whole);
    const at = [...cuts.map((cut) => Math.min(cut, bytes.length)), 0, bytes.length];
    at.sort((a, b) => a - b);
    const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
    return { whole, bytes, chunks };
  });

test("a file has the same lines however it is cut into chunks", async () => {
  await fc.assert(
    fc.asyncProperty(chunked, async ({ whole, chunks }) => {
      const lines = await split(chunks);
      expect(lines.map((line) => line.bytes?.toString())).toEqual(expected(whole));
      expect(lines.map((line) => line.number)).toEqual(lines.map((_, index) => index + 1));
    }),
  );
});

test("start and length are where a line's bytes are in the file", async () => {
  await fc.assert(
    fc.asyncProperty(chunked, async ({ bytes, chunks }) => {
      for (const { start, length, bytes: own } of await split(chunks))
        expect(bytes.subarray(start, start + length)).toEqual(own);
    }),
  );
});

test("lines beyond the limit have no bytes, and all others are as without a limit", async () => {
  await fc.assert(
    fc.asyncProperty(chunked, fc.nat({ max: 12 }), async ({ chunks }, limit) => {
      const all = await split(chunks);
      const some = await split(chunks, limit);
      expect(some).toEqual(
        all.map((line) => (line.length > limit ? { ...line, bytes: undefined } : line)),
      );
    }),
  );
});

test("a line that is too long is not held, however long it is", async () => {
  const mebibyte = 1024 * 1024;
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  async function* long(): AsyncGenerator<Buffer> {
    for (let made = 0; made < 400; made++) {
      yield Buffer.alloc(mebibyte, "x");
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    yield Buffer.from("\nlast");
  }
  const lines: FileLine[] = [];
  for await (const some of splitLines(long(), 64 * 1024)) lines.push(...some);
  // Code that holds the line would have all of it at the end; freed bytes may still wait for their
  // collection.
  expect(most).toBeLessThan(390 * mebibyte);
  expect(lines).toEqual([
    { number: 1, start: 0, length: 400 * mebibyte, bytes: undefined },
    { number: 2, start: 400 * mebibyte + 1, length: 4, bytes: Buffer.from("last") },
  ]);
});

test.for([
  ["", true],
  [" \t\r", true],
  ["\u00a0", false],
  ["\ufeff", false],
  [" x", false],
] as const)("%j is blank: %s", ([content, blank]) => {
  const bytes = Buffer.from(content);
  expect(isBlank({ number: 1, start: 0, length: bytes.length, bytes })).toBe(blank);
});

test("a line that is too long is not blank", () => {
  expect(isBlank({ number: 1, start: 0, length: 9, bytes: undefined })).toBe(false);
});
