import OpenAI, { type ClientOptions } from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { startSides, sideNames, type Side, type Sides } from "./openai-sides.ts";

let sides: Sides;
beforeAll(async () => {
  sides = await startSides();
});
afterAll(() => sides.stop());

const messages = [{ role: "user" as const, content: "Hello" }];
const request = { model: "chat", messages, max_tokens: 3 };

/** The call must end with an `APIError`. */
async function failure(call: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof OpenAI.APIError) return error;
  throw new Error("no APIError", { cause: error });
}

/** Counts the requests that a client sends. */
function counting(): { options: Pick<ClientOptions, "fetch">; sent: () => number } {
  let sent = 0;
  return {
    options: {
      fetch(...args) {
        sent += 1;
        return fetch(...args);
      },
    },
    sent: () => sent,
  };
}

describe.each(sideNames)("%s", (name) => {
  let side: Side;
  let client: OpenAI;
  beforeEach(() => {
    side = sides.side(name);
    side.upstream.reset();
    client = side.client();
  });

  test("a wrong key", async () => {
    const error = await failure(side.client({ apiKey: "sk-no" }).chat.completions.create(request));
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
  });

  test("an unknown model", async () => {
    const error = await failure(client.chat.completions.create({ ...request, model: "absent" }));
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
  });

  test.each(["max_tokens", "max_completion_tokens", "n"] as const)(
    "a negative %s",
    async (param) => {
      const error = await failure(
        client.chat.completions.create({ model: "chat", messages, [param]: -2 }),
      );
      expect(error).toBeInstanceOf(OpenAI.BadRequestError);
      expect(error).toMatchObject({ status: 400, param, type: "invalid_request_error" });
    },
  );

  test("a prompt that is longer than the context", async () => {
    const content = "long ".repeat(4_000);
    const error = await failure(
      client.chat.completions.create({ ...request, messages: [{ role: "user", content }] }),
    );
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ code: "context_length_exceeded", param: "messages" });
  });

  test("an upstream that fails", async () => {
    side.upstream.setFault({ type: "status", status: 500 });
    const error = await failure(client.chat.completions.create(request));
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
  });

  test("an error in the middle of a stream is thrown, whatever came before it", async () => {
    side.upstream.setFault({ type: "in_band_error", afterTokens: 2, status: 500 });
    let text = "";
    const read = async (): Promise<void> => {
      const stream = await client.chat.completions.create({ ...request, stream: true });
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
    };
    await failure(read());
    expect("tok0 tok1").toMatch(new RegExp(`^${text}`));
  });

  test("a client's own timeout, and the upstream is hung up on", async () => {
    side.upstream.setFault({ type: "hang" });
    const hasty = side.client({ timeout: 1_500 });
    for (const stream of [false, true]) {
      const error = await failure(hasty.chat.completions.create({ ...request, stream }));
      expect(error).toBeInstanceOf(OpenAI.APIConnectionTimeoutError);
    }
    await eventually(() => {
      expect(side.upstream.counters()).toMatchObject({ calls: 2, aborted: 2, inFlight: 0 });
    });
  });
});

describe("what only the broker refuses", () => {
  test.each([false, true])(
    "a used-up budget is 402 at once, not tried again (stream: %s)",
    async (stream) => {
      const side = sides.side("through the broker");
      side.upstream.reset();
      const { key } = await sides.broker.key({ budget: { limit_usd: 0, period: "day" } });
      const { options, sent } = counting();
      const client = side.client({ apiKey: key, maxRetries: 2, ...options });
      const error = await failure(client.chat.completions.create({ ...request, stream }));
      expect(error).toMatchObject({
        status: 402,
        code: "insufficient_quota",
        type: "insufficient_quota",
        requestID: expect.stringMatching(/^req_/),
      });
      expect(error.headers?.get("x-should-retry")).toBe("false");
      expect(error.message).toMatch(/\$0 of \$0/);
      expect(sent()).toBe(1);
      expect(side.upstream.counters().calls).toBe(0);
    },
  );

  test("a model that the key may not use is unknown like all others", async () => {
    const { key } = await sides.broker.key({ models: ["embed"] });
    const client = sides.side("through the broker").client({ apiKey: key });
    const error = await failure(client.chat.completions.create(request));
    expect(error).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual(["embed"]);
  });

  test("a cut stream is an error, never a stop", async () => {
    const { client, upstream } = sides.side("through the broker");
    upstream.setFault({ type: "fin", afterTokens: 2, times: 1 });
    const read = async (): Promise<void> => {
      for await (const _ of await client().chat.completions.create({ ...request, stream: true }));
    };
    await failure(read());
  });
});
