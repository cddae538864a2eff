import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createOpenAI } from "@ai-sdk/openai";
import { ChatOpenAI } from "@langchain/openai";
import { streamText } from "ai";
import OpenAI from "openai";
import { expect, onTestFinished, test } from "vitest";
import { responseView } from "../../../../../api/responses/response-view.ts";
import { BrokerError } from "../../../../../shared/errors/broker-error.ts";
import { chunk } from "../upstream.ts";
import { eventsOf, context, readerOf } from "./read-with-sdk.ts";

const view = responseView({ fields: {}, context, maxOutputTokens: 64, startingAfter: -1 });
const error = new BrokerError("upstream_failed", "The provider broke off its answer.");
const begun = readerOf("chat").push(Buffer.from(chunk({ content: "Blue he" }))).text;
const number = eventsOf(begun).length;
const broken = view.beginning() + view.opening() + begun + view.failure(error, "failed", number);

/** Every response of this server breaks off. */
async function brokenServer(): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).end(broken);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

test("a response that breaks off ends with an error, flat and nested, and its failure", () => {
  const [failure, last] = eventsOf(broken).slice(-2);
  const words = { message: error.message, code: "upstream_failed", param: null };
  expect(failure).toEqual({
    type: "error",
    sequence_number: 3 + number,
    ...words,
    error: { ...words, type: "server_error" },
  });
  expect(last).toMatchObject({
    type: "response.failed",
    sequence_number: 4 + number,
    response: { status: "failed", error: { code: "server_error", message: error.message } },
  });
});

test("a reader that has the error already gets the failure alone, one who cancelled no error", () => {
  const late = responseView({
    fields: {},
    context,
    maxOutputTokens: 64,
    startingAfter: 3 + number,
  });
  expect(eventsOf(late.failure(error, "failed", number)).map(({ type }) => type)).toEqual([
    "response.failed",
  ]);
  const cancelled = view.failure(new BrokerError("cancelled", "x"), "cancelled", number);
  expect(eventsOf(cancelled).map(({ type }) => type)).toEqual(["response.incomplete"]);
});

test("the openai package, LangChain and the AI SDK raise what broke it off", async () => {
  const baseURL = await brokenServer();
  const client = new OpenAI({ apiKey: "k", baseURL, maxRetries: 0 });
  const body = { model: "m", input: "Hi" };
  const read = async (): Promise<void> => {
    for await (const event of await client.responses.create({ ...body, stream: true }))
      expect(event.type).not.toBe("response.failed");
  };
  await expect(read()).rejects.toThrow(error.message);
  await expect(client.responses.stream(body).finalResponse()).rejects.toThrow(error.message);

  const model = new ChatOpenAI({
    model: "m",
    useResponsesApi: true,
    apiKey: "k",
    maxRetries: 0,
    configuration: { baseURL },
  });
  const chain = async (): Promise<void> => {
    for await (const piece of await model.stream("Hi")) expect(piece.text).not.toBe("whole");
  };
  await expect(chain()).rejects.toThrow(error.message);

  let heard: unknown;
  const { text, finishReason } = streamText({
    model: createOpenAI({ apiKey: "k", baseURL })("m"),
    prompt: "Hi",
    maxRetries: 0,
    onError: (event) => {
      heard = event.error;
    },
  });
  expect(
    await text.then(
      (whole) => whole,
      () => "Blue he",
    ),
  ).toBe("Blue he");
  expect(
    await finishReason.then(
      (reason) => reason,
      () => "error",
    ),
  ).toBe("error");
  expect(JSON.stringify(heard)).toContain(error.message);
});
