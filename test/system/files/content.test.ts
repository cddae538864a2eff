import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { byteRange } from "../../../api/files/byte-range.ts";
import { contentDisposition } from "../../../api/files/content-disposition.ts";
import { forgetFiles } from "../../../shared/files/forget-files.ts";
import { readFileRange, MAX_CHUNK_BYTES } from "../../../shared/files/read-file-range.ts";
import { eventually } from "../../support/eventually.ts";
import { growFile, startFiles, type FileRig } from "./file-rig.ts";

const SIZE = 700_001;
const content = Buffer.from(Array.from({ length: SIZE }, (_, n) => (n * 7 + (n >> 9)) % 256));

let rig: FileRig;
let id: string;
beforeAll(async () => {
  rig = await startFiles();
  ({ id } = await rig.client.files.create({
    file: new File([content], "große \u{1f600}.jsonl"),
    purpose: "batch",
  }));
});
afterAll(() => rig[Symbol.asyncDispose]());

const ask = (headers: Record<string, string> = {}, method = "GET") =>
  rig.get(`/files/${id}/content`, headers, method);

test("any range is that part of the file", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(SIZE - 1),
      fc.oneof(fc.nat(5), fc.nat(300_000), fc.constant(2 * SIZE)),
      fc.constantFrom("a-b", "a-", "-n"),
      async (first, length, form) => {
        const from = form === "-n" ? Math.max(0, SIZE - (length + 1)) : first;
        const to = form === "a-b" ? Math.min(first + length + 1, SIZE) : SIZE;
        const range = {
          "a-b": `${first}-${first + length}`,
          "a-": `${first}-`,
          "-n": `-${length + 1}`,
        };
        const response = await ask({ range: `bytes=${range[form]}` });
        expect(response.status).toBe(206);
        expect(response.headers.get("content-range")).toBe(`bytes ${from}-${to - 1}/${SIZE}`);
        expect(response.headers.get("content-length")).toBe(String(to - from));
        const got = Buffer.from(await response.arrayBuffer());
        expect(got.equals(content.subarray(from, to))).toBe(true);
      },
    ),
    { numRuns: 40 },
  );
});

test("chunks of any size read as one file", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 20 }),
      fc.nat(),
      fc.nat(),
      async (sizes, a, b) => {
        const file = `file-${randomUUID()}`;
        const starts = sizes.map((_, n) => sizes.slice(0, n).reduce((sum, each) => sum + each, 0));
        const size = sizes.reduce((sum, each) => sum + each, 0);
        await rig.pool.query(
          "insert into file_chunks (file_id, start, bytes) select $1, * from unnest($2::bigint[], $3::bytea[])",
          [
            file,
            starts,
            sizes.map((each, n) => content.subarray(starts[n], (starts[n] ?? 0) + each)),
          ],
        );
        const from = a % (size + 1);
        const to = from + (b % (size - from + 1));
        const read = Buffer.concat(await Array.fromAsync(readFileRange(rig.pool, file, from, to)));
        expect(read.equals(content.subarray(from, to))).toBe(true);
      },
    ),
    { numRuns: 30 },
  );
});

test("a chunk that is missing is no gap to read over", async () => {
  const file = `file-${randomUUID()}`;
  await rig.pool.query(
    `insert into file_chunks (file_id, start, bytes)
     values ($1, 0, 'aaa'), ($1, 6, 'ccc')`,
    [file],
  );
  const read = (start: number, end: number) =>
    Array.fromAsync(readFileRange(rig.pool, file, start, end));
  expect(Buffer.concat(await read(1, 3)).toString()).toBe("aa");
  for (const [start, end] of [
    [0, 9],
    [4, 9],
    [7, 10],
  ] as const)
    await expect(read(start, end)).rejects.toThrow(/are missing/);
});

test.each([
  ["no range", undefined, "whole"],
  ["another unit", "lines=1-2", "whole"],
  ["several ranges", "bytes=0-1,3-4", "whole"],
  ["nothing asked for", "bytes=-", "whole"],
  ["an end before its start", "bytes=5-4", "whole"],
  ["nonsense", "bytes=a-b", "whole"],
  ["the first byte", "bytes=0-0", { start: 0, end: 1 }],
  ["spaces, and capitals", "Bytes= 2-3 ", { start: 2, end: 4 }],
  ["the last byte", "bytes=9-", { start: 9, end: 10 }],
  ["more than there is", "bytes=8-99999999999999999999999999", { start: 8, end: 10 }],
  ["a tail longer than the file", "bytes=-11", { start: 0, end: 10 }],
  ["no tail", "bytes=-0", "none"],
  ["behind the end", "bytes=10-", "none"],
  ["far behind the end", `bytes=${"9".repeat(400)}-`, "none"],
])("of 10 bytes, %s", (_what, header, expected) => {
  expect(byteRange(header, 10)).toEqual(expected);
});

test("an empty file has no range, and all of it can be had", () => {
  expect(byteRange("bytes=0-0", 0)).toBe("none");
  expect(byteRange("bytes=-5", 0)).toBe("whole");
});

describe("the answer", () => {
  test("offers the file under its name, whatever is in it", async () => {
    const response = await ask();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": String(SIZE),
      "accept-ranges": "bytes",
      "x-content-type-options": "nosniff",
      "content-disposition": `attachment; filename="gro_e __.jsonl"; filename*=UTF-8''gro%C3%9Fe%20%F0%9F%98%80.jsonl`,
    });
    expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
    expect(contentDisposition("a\r\nb'(*)\ud800\"")).toBe(
      `attachment; filename="a__b'(*)__"; filename*=UTF-8''a%0D%0Ab%27%28%2A%29%EF%BF%BD%22`,
    );
  });

  test("has no body for HEAD, which knows no ranges", async () => {
    const response = await ask({ range: "bytes=0-4" }, "HEAD");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe(String(SIZE));
    expect(await response.text()).toBe("");
  });

  test("is 416 for a range behind the end", async () => {
    const response = await ask({ range: `bytes=${SIZE}-` });
    expect(response.status).toBe(416);
    expect(response.headers.get("content-range")).toBe(`bytes */${SIZE}`);
    expect(await response.json()).toMatchObject({
      error: { code: "range_not_satisfiable", param: "Range" },
    });
  });

  test("is the whole file for several ranges, and when the file is another than was thought", async () => {
    const several = await ask({ range: "bytes=0-1,3-4" });
    expect([several.status, (await several.arrayBuffer()).byteLength]).toEqual([200, SIZE]);
    const etag = several.headers.get("etag") ?? "";
    const same = await ask({ range: "bytes=0-1", "if-range": etag });
    expect([same.status, (await same.arrayBuffer()).byteLength]).toEqual([206, 2]);
    const other = await ask({ range: "bytes=0-1", "if-range": '"other"' });
    expect([other.status, (await other.arrayBuffer()).byteLength]).toEqual([200, SIZE]);
  });
});

describe("a large file", () => {
  const CHUNKS = 120;
  const BYTES = CHUNKS * MAX_CHUNK_BYTES;
  let big: string;
  beforeAll(async () => {
    ({ id: big } = await rig.upload("x"));
    await growFile(rig, big, CHUNKS);
  });

  /** The reader reads nothing after the headers. */
  async function pausedReader(): Promise<IncomingMessage> {
    const asked = request(`${rig.address}/v1/files/${big}/content`, {
      headers: { authorization: `Bearer ${rig.secret}` },
    });
    asked.end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    return response;
  }

  test("is read no further than its reader takes it, and no more when he is gone", async () => {
    let statements = 0;
    const count = (): void => void statements++;
    rig.pool.on("acquire", count);
    const stands = async () => {
      let before = -1;
      await eventually(() => {
        const now = statements;
        const still = now === before;
        before = now;
        expect(still).toBe(true);
      });
      return before;
    };
    const response = await pausedReader();
    await eventually(() => expect(statements).toBeGreaterThan(5));
    expect(await stands()).toBeLessThan(CHUNKS);
    response.destroy();
    expect(await stands()).toBeLessThan(CHUNKS);
    rig.pool.off("acquire", count);
  });

  test("breaks the connection when it goes while it is read", async () => {
    const response = await pausedReader();
    await rig.client.files.delete(big);
    while ((await forgetFiles(rig.pool, 50)) > 0);
    const { rows } = await rig.pool.query("select file_id from file_chunks where file_id = $1", [
      big,
    ]);
    expect(rows).toEqual([]);
    let got = 0;
    const reading = (async () => {
      for await (const bytes of response) got += (bytes as Buffer).length;
    })();
    await expect(reading).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(got).toBeGreaterThan(0);
    expect(got).toBeLessThan(BYTES);
  });
});
