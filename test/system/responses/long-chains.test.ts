import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { withPreviousTurn } from "../../../shared/requests/previous-turn.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";

let broker: TestBroker;
let key: string;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { outputTokens: 500 } },
    models: "  m: { serve: [{ provider: gpu, model: m }] }",
    server: "{ body_limit: 64KiB }",
  });
  ({ key } = await broker.key());
});
afterAll(() => broker.stop());

interface Answer {
  readonly id: string;
  readonly output: readonly { readonly id: string }[];
  readonly error?: { readonly code: string; readonly param: string; readonly message: string };
}

async function respond(fields: object, path = "/responses") {
  const response = await fetch(`${broker.baseUrl}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "m", ...fields }),
  });
  return { status: response.status, body: (await response.json()) as Answer };
}

const large = "x".repeat(40_000);
const tooLarge = (param: string) => ({
  status: 400,
  body: {
    error: {
      code: "invalid_request",
      param,
      message: `Invalid value for '${param}': The conversation is larger than a request may be.`,
    },
  },
});

test("a chain of responses is no larger than a request may be", async () => {
  const first = await respond({ input: large });
  const second = await respond({ input: large, previous_response_id: first.body.id });
  expect(second.status).toBe(200);
  const next = { input: "Go on", previous_response_id: second.body.id };
  expect(await respond(next)).toMatchObject(tooLarge("previous_response_id"));
  expect(await respond(next, "/responses/input_tokens")).toMatchObject(
    tooLarge("previous_response_id"),
  );
  expect((await respond({ ...next, previous_response_id: first.body.id })).status).toBe(200);
});

test("an item counts as often as it is referred to", async () => {
  const { body } = await respond({ input: "Hello" });
  const reference = { type: "item_reference", id: body.output[0]?.id };
  const refer = (times: number) =>
    respond({
      input: [
        ...Array.from({ length: times }, () => reference),
        { role: "user", content: "Go on" },
      ],
    });
  expect((await refer(2)).status).toBe(200);
  expect(await refer(500)).toMatchObject(tooLarge("input"));
});

test("of items that there are not the first is told, and no other is looked for", async () => {
  const input = Array.from({ length: 500 }, (_, at) => ({
    type: "item_reference",
    id: `msg_0_r${at.toString(16).padStart(32, "0")}`,
  }));
  expect(await respond({ input })).toMatchObject({
    status: 400,
    body: { error: { param: "input[0].id" } },
  });
  const query = vi.spyOn(broker.database.pool, "query");
  const body = { fields: { input }, exact: { input } };
  await withPreviousTurn(broker.database.pool, "key_1", body, 1_000_000);
  expect(query).toHaveBeenCalledTimes(1);
});
