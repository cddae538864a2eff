import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { startReportRig, type ReportRig } from "./report-rig.ts";
import { errorAnswer, wholeAnswer } from "./scripted-upstream.ts";

let rig: ReportRig;
beforeAll(async () => {
  rig = await startReportRig();
});
afterAll(() => rig.stop());

const messages = [{ role: "user", content: "hello" }];
const ask = (fields: object, headers: Record<string, string> = {}) =>
  rig.post("/chat/completions", { model: "m", messages, ...fields }, { headers });

describe("a refusal of one request (K3)", () => {
  test.each<[string, number, object]>([
    [
      "A7 a flagged prompt",
      403,
      {
        error: {
          code: 403,
          message: "flagged by moderation: violence",
          metadata: { reasons: ["violence"] },
        },
      },
    ],
    [
      "A8 fewer tokens asked for",
      402,
      {
        error: { code: 402, message: "credits suffice for 1200 of the 4096 max_tokens asked for" },
      },
    ],
  ])("%s rests nobody", async (_name, status, body) => {
    rig.one.play(({ text }) => (text.includes("BAD") ? errorAnswer(status, body) : wholeAnswer()));
    const bad = await ask({ messages: [{ role: "user", content: "BAD" }] });
    expect(bad.status).toBeGreaterThanOrEqual(400);
    expect(bad.status).toBeLessThan(500);
    expect(bad.text).toContain(body["error" as keyof object]["message" as keyof object]);
    const next = await ask({}, { "x-spillway-deadline-ms": "3000" });
    expect(next.status).toBe(200);
  });
});

// `test/system/broker/resting-provider.test.ts` has the other failures of a whole provider.
test("A9 an engine that loads its model costs no job an attempt (K4)", async () => {
  let well = false;
  const loading = '{"error":{"message":"Loading model","type":"unavailable_error","code":503}}';
  rig.one.play(
    () => (well ? wholeAnswer() : errorAnswer(503, loading)),
    () => (well ? 200 : 503),
  );
  const jobs = await Promise.all(
    Array.from({ length: 10 }, () => ask({}, { prefer: "respond-async" })),
  );
  for (const job of jobs) expect(job.status).toBe(202);
  await eventually(() => expect(rig.one.calls.length).toBeGreaterThan(0));
  well = true;
  await eventually(async () => {
    const { rows } = await rig.broker.database.pool.query<{ state: string; tries: number }>(
      "select distinct state, tries from jobs where id = any ($1)",
      [jobs.map(({ job }) => job)],
    );
    expect(rows).toEqual([{ state: "done", tries: 1 }]);
  }, 60_000);
});

describe("statuses that speak of the machine (K15)", () => {
  test.each([413, 405, 421, 425, 499])("A28, A44 %i: the other target is asked", async (status) => {
    const page = errorAnswer(status, "<html><h1>nginx</h1></html>", {
      "content-type": "text/html",
    });
    rig.one.play(() => page);
    rig.two.play(() => page);
    let asked = 0;
    rig.two.play(() => (++asked, wholeAnswer()));
    for (let call = 0; call < 4; call++) {
      const answer = await ask({ model: "pair" });
      expect(answer.status).toBe(200);
    }
    expect(asked).toBeGreaterThan(0);
  });

  test("413 everywhere is an honest answer", async () => {
    rig.one.play(() => errorAnswer(413, "<html><h1>413 Request Entity Too Large</h1></html>"));
    const answer = await ask({});
    expect([400, 413, 502]).toContain(answer.status);
  });
});

// This test is the last one, because the provider rests after it.
test("a wrong credential answers callers at once", async () => {
  rig.one.play(
    () => errorAnswer(401, { error: "Unauthorized" }),
    () => 200,
  );
  for (let call = 0; call < 2; call++) {
    const answer = await ask({}, { "x-spillway-deadline-ms": "20000" });
    expect(answer.status).toBe(502);
    expect(answer.headers.get("x-should-retry")).toBe("false");
  }
});
