import { HumanMessage, type AIMessageChunk, type BaseMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { startClientRig, upstreamKinds, type ClientRig, type UpstreamKind } from "./rig.ts";

let rig: ClientRig;
beforeAll(async () => {
  rig = await startClientRig();
});
afterAll(() => rig.stop());
beforeEach(() => rig.forget());

const modelOf = (kind: UpstreamKind): ChatOpenAI =>
  new ChatOpenAI({
    model: kind,
    useResponsesApi: true,
    apiKey: rig.apiKey,
    maxRetries: 0,
    configuration: { baseURL: rig.baseUrl },
  });

const weather = tool(({ city }) => `sun in ${city}`, {
  name: "weather",
  description: "Tells the weather",
  schema: z.object({ city: z.string() }),
});

describe.each(upstreamKinds)("LangChain at an upstream: %s", (kind) => {
  it("invokes a model", async () => {
    const answer = await modelOf(kind).invoke("Hi [sim output=2]");
    expect(answer.text).toBe("tok0 tok1");
    expect(answer.usage_metadata).toMatchObject({ output_tokens: 2 });
  });

  it("streams from a model", async () => {
    let text = "";
    let pieces = 0;
    for await (const piece of await modelOf(kind).stream("Hi [sim output=3]")) {
      text += piece.text;
      if (piece.text !== "") pieces += 1;
    }
    expect(text).toBe("tok0 tok1 tok2");
    expect(pieces).toBe(3);
  });

  it.each(["invoke", "stream"] as const)("runs a tool loop with %s", async (how) => {
    const model = modelOf(kind).bindTools([weather]);
    const ask = async (messages: BaseMessage[]): Promise<AIMessageChunk> => {
      if (how === "invoke") return await model.invoke(messages);
      let answer: AIMessageChunk | undefined;
      for await (const piece of await model.stream(messages))
        answer = answer === undefined ? piece : answer.concat(piece);
      if (answer === undefined) throw new Error("no answer");
      return answer;
    };
    const messages: BaseMessage[] = [new HumanMessage("Weather? [sim calls=2] [sim reasoning=2]")];
    const first = await ask(messages);
    expect(first.tool_calls?.map(({ name, args }) => [name, args])).toEqual([
      ["weather", { city: "some city" }],
      ["weather", { city: "some city" }],
    ]);
    messages.push(first);
    for (const call of first.tool_calls ?? [])
      messages.push(await weather.invoke({ ...call, type: "tool_call" }));
    const second = await ask(messages);
    expect(second.text).toMatch(/^tok0 /);
    expect(second.tool_calls ?? []).toEqual([]);
    const sent = JSON.stringify(rig.asked(kind).at(-1)?.body);
    expect(sent.split("sun in some city")).toHaveLength(3);
  });

  it("gives structured output", async () => {
    const shape = z.object({ city: z.string(), mild: z.boolean() });
    const model = modelOf(kind).withStructuredOutput(shape, { method: "jsonSchema" });
    expect(await model.invoke("Tell")).toEqual({ city: "some city", mild: true });
  });
});
