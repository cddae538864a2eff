import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startClientRig, type ClientRig } from "./rig.ts";
import { weatherFunction } from "./weather-function.ts";

let rig: ClientRig;
let client: OpenAI;
beforeAll(async () => {
  rig = await startClientRig();
  client = new OpenAI({ apiKey: rig.apiKey, baseURL: rig.baseUrl, maxRetries: 0 });
});
afterAll(() => rig.stop());
beforeEach(() => rig.forget());

type Input = OpenAI.Responses.ResponseInputItem[];

const history: Input = [
  { role: "developer", content: "Use British spelling." },
  { role: "user", content: "What is the weather in Paris?" },
  { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Paris"}' },
  { type: "function_call_output", call_id: "call_1", output: "It rains cats." },
  { role: "assistant", content: "Take an umbrella." },
];
/** The simulators answer this to a prompt without a directive. */
const summary = "tok0 tok1";

describe.each(["native", "translated"] as const)("a conversation at an upstream: %s", (model) => {
  const asked = () => JSON.stringify(rig.asked(model).map(({ body }) => body));

  it("is compacted to the user's messages and a summary, with which it goes on", async () => {
    const compacted = await client.responses.compact({
      model,
      instructions: "You are a clerk.",
      input: history,
    });
    expect(compacted).toMatchObject({
      object: "response.compaction",
      output: [
        {
          type: "message",
          role: "user",
          content: [{ type: "input_text", text: "What is the weather in Paris?" }],
        },
        { type: "compaction" },
      ],
      usage: { output_tokens: expect.any(Number) as number },
    });
    for (const words of ["You are a clerk.", "It rains cats.", "Summarise this whole conversation"])
      expect(asked()).toContain(words);
    rig.forget();
    const next: Input = [...(compacted.output as Input), { role: "user", content: "And in Rome?" }];
    const answer = await client.responses.create({ model, input: next });
    expect(answer.status).toBe("completed");
    expect(asked()).toMatch(new RegExp(`replaced by this summary.*${summary}.*And in Rome`, "s"));
    expect(asked()).not.toContain("encrypted_content");
    rig.forget();
    const again = await client.responses.compact({ model, input: next });
    expect(again.output.map(({ type }) => type)).toEqual(["message", "message", "compaction"]);
  });

  it("is compacted inside a stream, as Codex CLI asks for it, and continued by its id", async () => {
    const stream = await client.responses.create({
      model,
      input: [...history, { type: "compaction_trigger" }],
      tools: [weatherFunction],
      stream: true,
    });
    const types: string[] = [];
    let last: OpenAI.Responses.Response | undefined;
    for await (const event of stream) {
      types.push(event.type);
      if (event.type === "response.completed") last = event.response;
    }
    expect(types).toEqual([
      "response.created",
      "response.queued",
      "response.in_progress",
      "response.output_item.added",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(last?.output).toMatchObject([{ type: "compaction" }]);
    expect(rig.asked(model)[0]?.body).not.toHaveProperty("tools");
    rig.forget();
    await client.responses.create({ model, input: "And?", previous_response_id: last?.id ?? "" });
    expect(asked()).toContain("What is the weather in Paris?");
    expect(asked()).toMatch(/replaced by this summary/);
    expect(asked()).not.toContain("It rains cats.");
    expect(asked()).not.toContain("Summarise this whole conversation");
  });
});

it("takes a summary for the user's words, and refuses one that is not whole", async () => {
  const { output } = await client.responses.compact({ model: "translated", input: history });
  const item = output.at(-1) as OpenAI.Responses.ResponseCompactionItemParam;
  const broken = { ...item, encrypted_content: `${item.encrypted_content}x` };
  await expect(
    client.responses.create({ model: "translated", input: [broken] }),
  ).rejects.toMatchObject({ status: 400, param: "input[0].encrypted_content" });
  const foreign = { ...item, encrypted_content: "gAAAAABo" };
  await expect(
    client.responses.create({ model: "translated", input: [foreign] }),
  ).rejects.toMatchObject({ status: 400, param: "input[0].encrypted_content" });
  await expect(client.responses.compact({ model: "native" })).rejects.toMatchObject({
    status: 400,
    param: "input",
  });
});

it("is paid like any response, once for each Idempotency-Key", async () => {
  const once = { headers: { "Idempotency-Key": "compact-1" } };
  const request = { model: "native", input: history };
  const first = await client.responses.compact(request, once);
  const { data, response } = await client.responses.compact(request, once).withResponse();
  expect(data).toEqual(first);
  expect(response.headers.get("idempotent-replayed")).toBe("true");
  expect(response.headers.get("x-spillway-cost-usd")).toBe("0");
  expect(rig.asked("native")).toHaveLength(1);
});
