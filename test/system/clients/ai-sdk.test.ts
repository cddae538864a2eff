import { createOpenAI } from "@ai-sdk/openai";
import { generateText, isStepCount, Output, streamText, tool } from "ai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { startClientRig, upstreamKinds, type ClientRig } from "./rig.ts";

// The AI SDK warns that reasoning without encrypted content is not sent again when nothing is
// stored.
globalThis.AI_SDK_LOG_WARNINGS = false;

let rig: ClientRig;
let openai: ReturnType<typeof createOpenAI>;
beforeAll(async () => {
  rig = await startClientRig();
  openai = createOpenAI({ apiKey: rig.apiKey, baseURL: rig.baseUrl });
});
afterAll(() => rig.stop());
beforeEach(() => rig.forget());

const tools = {
  weather: tool({
    description: "Tells the weather",
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => `sun in ${city}`,
  }),
};
const onError = ({ error }: { error: unknown }): never => {
  throw error;
};

describe.each(upstreamKinds)("the AI SDK at an upstream: %s", (kind) => {
  it("generates text", async () => {
    const prompt = "Hi [sim output=2]";
    const result = await generateText({ model: openai(kind), prompt, maxRetries: 0 });
    expect(result.text).toBe("tok0 tok1");
    expect(result.finishReason).toBe("stop");
    expect(result.usage).toMatchObject({ outputTokens: 2 });
  });

  it("streams text", async () => {
    const prompt = "Hi [sim output=3]";
    const result = streamText({ model: openai(kind), prompt, maxRetries: 0, onError });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces.join("")).toBe("tok0 tok1 tok2");
    expect(await result.finishReason).toBe("stop");
  });

  it.each([
    ["by reference to what is stored", {}],
    ["when nothing is stored", { store: false }],
  ])("runs a tool loop %s", async (_what, options) => {
    const question = {
      model: openai(kind),
      tools,
      maxRetries: 0,
      stopWhen: isStepCount(3),
      providerOptions: { openai: options },
    };
    const prompt = "Weather? [sim calls=2] [sim reasoning=2]";
    const result = await generateText({ ...question, prompt });
    expect(result.steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
    expect(result.steps[0]?.toolResults.map(({ output }) => output)).toEqual([
      "sun in some city",
      "sun in some city",
    ]);
    expect(result.text).toMatch(/^tok0 /);
    const messages = [
      { role: "user" as const, content: prompt },
      ...result.responseMessages,
      { role: "user" as const, content: "[sim echo] Thanks" },
    ];
    const thanked = streamText({ ...question, messages, toolChoice: "none", onError });
    expect(await thanked.text).toBe("[sim echo] Thanks");
    const sent = JSON.stringify(rig.asked(kind).at(-1)?.body);
    for (const word of ["Weather?", "sun in some city", "tok0", "Thanks"])
      expect(sent).toContain(word);
  });

  it("gives structured output", async () => {
    const schema = z.object({ city: z.string(), days: z.number() });
    const result = await generateText({
      model: openai(kind),
      prompt: "Tell",
      maxRetries: 0,
      output: Output.object({ schema }),
    });
    expect(result.output).toEqual({ city: "some city", days: 1 });
  });

  it("sends an image along", async () => {
    const image = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
    const result = await generateText({
      model: openai(kind),
      maxRetries: 0,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is it?" },
            { type: "file", data: image, mediaType: "image/png" },
          ],
        },
      ],
    });
    expect(result.text).toMatch(/^tok0 /);
    expect(JSON.stringify(rig.asked(kind)[0]?.body)).toContain(
      `data:image/png;base64,${Buffer.from(image).toString("base64")}`,
    );
  });
});
