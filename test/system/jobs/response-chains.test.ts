import { afterAll, beforeAll, expect, test } from "vitest";
import { startJobsRig, type JobsRig } from "./jobs-rig.ts";

let rig: JobsRig;
beforeAll(async () => {
  rig = await startJobsRig();
});
afterAll(async () => {
  await rig.settleDown();
  await rig.stop();
});

interface Response {
  readonly id: string;
  readonly output: readonly { readonly id: string }[];
}

interface Page {
  readonly data: readonly { readonly id: string; readonly [field: string]: unknown }[];
  readonly has_more: boolean;
  readonly first_id: string | null;
  readonly last_id: string | null;
}

/** Plays one turn; returns the messages of its upstream call, and the response. */
async function turn(fields: object, says: string) {
  const asked = rig.json<Response>("/responses", { body: { model: "once", ...fields } });
  const call = await rig.played.next();
  call.say(says);
  return { sent: call.body["messages"], response: await asked };
}

const items = (id: string, query = "") => rig.json<Page>(`/responses/${id}/input_items${query}`);
const texts = ({ data }: Page) =>
  data.map(({ content }) => (content as { text: string }[]).map(({ text }) => text).join("|"));
const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });

test("three turns: each upstream call has everything before it, instructions only their own", async () => {
  const first = await turn({ input: "one", instructions: "Be brief." }, "eins");
  expect(first.sent).toEqual([{ role: "system", content: "Be brief." }, user("one")]);
  const second = await turn({ input: "two", previous_response_id: first.response.id }, "zwei");
  expect(second.sent).toMatchObject([user("one"), assistant("eins"), user("two")]);
  const third = await turn(
    { input: [{ role: "user", content: "three" }], previous_response_id: second.response.id },
    "drei",
  );
  const all = [user("one"), assistant("eins"), user("two"), assistant("zwei"), user("three")];
  expect(third.sent).toMatchObject(all);
  // A branch from the middle does not have the later turns.
  const branch = await turn({ input: "other", previous_response_id: first.response.id }, "x");
  expect(branch.sent).toMatchObject([user("one"), assistant("eins"), user("other")]);
  expect(third.response).toMatchObject({ previous_response_id: second.response.id });
  expect(texts(await items(third.response.id, "?order=asc"))).toEqual([
    "one",
    "eins",
    "two",
    "zwei",
    "three",
  ]);
});

test("a turn that is deleted takes itself away, and not those after it", async () => {
  const first = await turn({ input: "one" }, "eins");
  const second = await turn({ input: "two", previous_response_id: first.response.id }, "zwei");
  await rig.json(`/responses/${first.response.id}`, { method: "DELETE" });
  const third = await turn({ input: "three", previous_response_id: second.response.id }, "drei");
  expect(third.sent).toHaveLength(5);
});

test("input items: newest first unless asked otherwise, by pages, each with an id", async () => {
  const input = ["a", "b", "c", "d", "e"].map((content) => ({ role: "user", content }));
  const { response } = await turn({ input }, "x");
  const all = await items(response.id);
  expect(texts(all)).toEqual(["e", "d", "c", "b", "a"]);
  expect(all.has_more).toBe(false);
  expect(new Set(all.data.map(({ id }) => id)).size).toBe(5);
  expect(all.data[0]).toMatchObject({
    type: "message",
    role: "user",
    content: [{ type: "input_text", text: "e" }],
  });
  const walked: string[] = [];
  const ids: string[] = [];
  for (let after = ""; ;) {
    const page = await items(response.id, `?limit=2&order=asc${after}`);
    walked.push(...texts(page));
    ids.push(...page.data.map(({ id }) => id));
    expect(page.first_id).toBe(page.data[0]?.id);
    if (!page.has_more) break;
    after = `&after=${page.last_id}`;
  }
  expect(walked).toEqual(["a", "b", "c", "d", "e"]);
  expect(ids.toReversed()).toEqual(all.data.map(({ id }) => id));
  const client: string[] = [];
  for await (const item of rig.client().responses.inputItems.list(response.id, { limit: 2 }))
    client.push(item.id ?? "");
  expect(client).toEqual(all.data.map(({ id }) => id));
  for (const wrong of ["?limit=0", "?order=up"])
    expect((await rig.ask(`/responses/${response.id}/input_items${wrong}`)).status).toBe(400);
});

test("input items are there while the response waits for its answer", async () => {
  const body = { model: "once", input: "soon", background: true };
  const { id } = await rig.json<Response>("/responses", { body });
  const call = await rig.played.next();
  expect(texts(await items(id))).toEqual(["soon"]);
  const unfinished = await rig.ask("/responses", {
    body: { model: "once", input: "more", previous_response_id: id },
  });
  expect(unfinished.status).toBe(400);
  expect(JSON.parse(unfinished.text)).toMatchObject({ error: { param: "previous_response_id" } });
  call.say("x");
  await rig.json(`/jobs/job_${id.slice(5)}?wait=10`);
});

test.each([`resp_${"0".repeat(32)}`, "resp_1", "x", ""])(
  "previous_response_id %j is refused",
  async (previous) => {
    const body = { model: "once", input: "Hi", previous_response_id: previous };
    const answer = await rig.ask("/responses", { body });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({
      error: { param: "previous_response_id", code: "previous_response_not_found" },
    });
  },
);

test("exact numbers and strange text come through a chain as they were", async () => {
  const odd = "\u2028 \ud800 \u0000 é";
  const first = await turn({ input: odd }, odd);
  const second = await turn({ input: "two", previous_response_id: first.response.id }, "zwei");
  expect(second.sent).toMatchObject([user(odd), assistant(odd), user("two")]);
});
