import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { eventually } from "../../support/eventually.ts";
import { startClientRig, upstreamKinds, type ClientRig } from "./rig.ts";
import { weatherFunction } from "./weather-function.ts";

let rig: ClientRig;
let client: OpenAI;
beforeAll(async () => {
  rig = await startClientRig();
  client = new OpenAI({ apiKey: rig.apiKey, baseURL: rig.baseUrl, maxRetries: 0 });
});
afterAll(() => rig.stop());
beforeEach(() => rig.forget());

const noSuchTurn = { status: 400, code: "previous_response_not_found" };

describe.each(upstreamKinds)("the openai package at an upstream: %s", (model) => {
  it("creates a response", async () => {
    const response = await client.responses.create({
      model,
      input: "Say two [sim output=2]",
      instructions: "Be short.",
    });
    expect(response).toMatchObject({
      status: "completed",
      model,
      output_text: "tok0 tok1",
      instructions: "Be short.",
      usage: { output_tokens: 2 },
      error: null,
    });
    const sent = JSON.stringify(rig.asked(model)[0]?.body);
    expect(sent).toContain("Be short.");
    expect((await client.responses.retrieve(response.id)).output).toEqual(response.output);
  });

  it("streams a response", async () => {
    const stream = await client.responses.create({
      model,
      input: "Say three [sim output=3]",
      stream: true,
    });
    let text = "";
    const numbers: number[] = [];
    const types: string[] = [];
    for await (const event of stream) {
      numbers.push(event.sequence_number);
      types.push(event.type);
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    expect(text).toBe("tok0 tok1 tok2");
    expect(numbers).toEqual([...numbers.keys()]);
    expect([types[0], types.at(-1)]).toEqual(["response.created", "response.completed"]);
  });

  it("counts the input of a response, its earlier turns included, and calls nobody", async () => {
    const first = await client.responses.create({ model, input: "One [sim output=40]" });
    rig.forget();
    const { data, response } = await client.responses.inputTokens
      .count({ model, input: "Two and three", instructions: "Be short.", tools: [weatherFunction] })
      .withResponse();
    expect(data).toEqual({ object: "response.input_tokens", input_tokens: expect.any(Number) });
    expect(response.headers.get("x-spillway-estimate")).toBe("true");
    expect(data.input_tokens).toBeGreaterThan(40);
    expect(data.input_tokens).toBeLessThan(200);
    const turn = { model, input: "Two", previous_response_id: first.id };
    const { input_tokens: both } = await client.responses.inputTokens.count(turn);
    expect(both).toBeGreaterThan(60);
    const absent = { ...turn, previous_response_id: `resp_${"0".repeat(32)}` };
    await expect(client.responses.inputTokens.count(absent)).rejects.toMatchObject(noSuchTurn);
    const unknown = { ...turn, model: "nonesuch" };
    await expect(client.responses.inputTokens.count(unknown)).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
    });
    expect(rig.asked(model)).toEqual([]);
  });

  it("ends as incomplete at the caller's limit", async () => {
    const request = { model, input: "Go on", max_output_tokens: 16 } as const;
    const short = await client.responses.create({ ...request, input: "Go on [sim output=40]" });
    expect(short).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      usage: { output_tokens: 16 },
    });
  });

  it("runs a tool loop with the stream helper", async () => {
    const question = { role: "user" as const, content: "Weather? [sim calls=2]" };
    const first = await client.responses
      .stream({ model, input: [question], tools: [weatherFunction] })
      .finalResponse();
    const calls = first.output.filter((item) => item.type === "function_call");
    expect(calls.map((call) => [call.name, call.arguments])).toEqual([
      ["weather", '{"city":"some city"}'],
      ["weather", '{"city":"some city"}'],
    ]);
    const results = calls.map(({ call_id }) => ({
      type: "function_call_output" as const,
      call_id,
      output: "sun",
    }));
    const helper = client.responses.stream({
      model,
      previous_response_id: first.id,
      input: results,
      tools: [weatherFunction],
    });
    let deltas = 0;
    helper.on("response.output_text.delta", () => (deltas += 1));
    const second = await helper.finalResponse();
    expect(second).toMatchObject({ status: "completed", previous_response_id: first.id });
    expect(second.output_text).toMatch(/^tok0 /);
    expect(deltas).toBe(second.usage?.output_tokens);
  });

  it("runs a tool loop that sends its items back", async () => {
    const question = { role: "user" as const, content: "Weather?" };
    const request = { model, tools: [weatherFunction], store: false };
    const first = await client.responses.create({ ...request, input: [question] });
    const second = await client.responses.create({
      ...request,
      input: [
        question,
        ...first.output.map((item) => item as OpenAI.Responses.ResponseInputItem),
        ...first.output.flatMap((item) =>
          item.type === "function_call"
            ? [{ type: "function_call_output" as const, call_id: item.call_id, output: "rain" }]
            : [],
        ),
      ],
    });
    expect(second.output_text).toMatch(/^tok0 /);
    expect(JSON.stringify(rig.asked(model).at(-1)?.body)).toContain("rain");
    await expect(client.responses.retrieve(second.id)).rejects.toMatchObject({ status: 404 });
  });

  it("parses structured output", async () => {
    const shape = z.object({ city: z.string(), mild: z.boolean(), days: z.array(z.number()) });
    const response = await client.responses.parse({
      model,
      input: "Tell",
      text: { format: zodTextFormat(shape, "forecast") },
    });
    expect(response.output_parsed).toEqual({ city: "some city", mild: true, days: [1] });
  });

  it("takes images as data URLs", async () => {
    const image = `data:image/png;base64,${Buffer.from("no picture").toString("base64")}`;
    const content: OpenAI.Responses.ResponseInputContent[] = [
      { type: "input_text", text: "What is it?" },
      { type: "input_image", image_url: image, detail: "auto" },
    ];
    const response = await client.responses.create({ model, input: [{ role: "user", content }] });
    expect(response.status).toBe("completed");
    expect(JSON.stringify(rig.asked(model)[0]?.body)).toContain(image);
  });

  it("remembers the turns before, when it stored them", async () => {
    const first = await client.responses.create({
      model,
      input: "[sim echo] My name is Alex.",
      instructions: "Once.",
    });
    const second = await client.responses.create({
      model,
      previous_response_id: first.id,
      input: "[sim echo] And my dog's is Rex.",
    });
    const third = await client.responses.create({
      model,
      previous_response_id: second.id,
      input: "Who are we?",
    });
    expect(third).toMatchObject({ status: "completed", previous_response_id: second.id });
    const sent = JSON.stringify(rig.asked(model).at(-1)?.body);
    for (const name of ["Alex", "Rex"]) expect(sent.split(name)).toHaveLength(3);
    expect(sent).not.toContain("Once.");
    await client.responses.delete(second.id);
    const orphan = { model, previous_response_id: second.id, input: "Hm?" };
    await expect(client.responses.create(orphan)).rejects.toMatchObject(noSuchTurn);
  });

  it("keeps nothing for who does not want it", async () => {
    const { id } = await client.responses.create({ model, input: "Forget", store: false });
    await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
    const next = { model, previous_response_id: id, input: "Remember?" };
    await expect(client.responses.create(next)).rejects.toMatchObject(noSuchTurn);
  });

  it("shows reasoning, and takes it back", async () => {
    const question = { role: "user" as const, content: "Think [sim reasoning=3]" };
    const first = await client.responses.create({ model, input: [question] });
    expect(first.output.map(({ type }) => type)).toEqual(["reasoning", "message"]);
    expect(JSON.stringify(first.output[0])).toContain("hm0 hm1 hm2");
    expect(first.usage?.output_tokens_details.reasoning_tokens).toBe(3);
    const helper = client.responses.stream({ model, input: [question] });
    const { output } = await helper.finalResponse();
    expect(output.map(({ type }) => type)).toEqual(["reasoning", "message"]);
    expect(JSON.stringify(output[0])).toContain("hm0 hm1 hm2");
    const second = await client.responses.create({
      model,
      input: [
        question,
        ...first.output.map((item) => item as OpenAI.Responses.ResponseInputItem),
        { role: "user", content: "And?" },
      ],
    });
    expect(second.status).toBe("completed");
  });

  it("answers in the background, for a stream that is left and taken up again", async () => {
    const request = { model, input: "Later [sim output=4]", background: true } as const;
    const left = await client.responses.create({ ...request, stream: true });
    let id = "";
    let last = -1;
    for await (const event of left) {
      if (event.type === "response.created") ({ id } = event.response);
      last = event.sequence_number;
      if (event.type !== "response.created") break;
    }
    const again = await client.responses.retrieve(id, { stream: true, starting_after: last });
    const numbers: number[] = [];
    for await (const event of again) numbers.push(event.sequence_number);
    expect(numbers[0]).toBe(last + 1);
    expect(numbers).toEqual(numbers.map((_, at) => last + 1 + at));
    const helper = client.responses.stream({ response_id: id });
    expect((await helper.finalResponse()).output_text).toBe("tok0 tok1 tok2 tok3");
    await eventually(async () =>
      expect((await client.responses.retrieve(id)).status).toBe("completed"),
    );
  });
});
