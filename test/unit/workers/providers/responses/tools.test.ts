import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../../shared/json/json-object.ts";
import { findUntranslatable } from "../../../../../shared/responses/find-untranslatable.ts";
import { finishedEvents } from "../../../../../shared/responses/finished-events.ts";
import { ignoredParts } from "../../../../../shared/responses/ignored-parts.ts";
import { functionName } from "../../../../../shared/responses/tool-table.ts";
import { chatBody } from "../../../../../workers/providers/responses/chat-body.ts";
import { chunk, doneEvent } from "../upstream.ts";
import { startBridge } from "./bridge.ts";
import { eventsOf, readAll, readerOf, sdkResponse } from "./read-with-sdk.ts";

const parameters = { type: "object", properties: { task: { type: "string" } } };
const spawn = {
  type: "function",
  name: "spawn_agent",
  description: "d",
  parameters,
  strict: false,
};
const agents = { type: "namespace", name: "multi_agent_v1", description: "", tools: [spawn] };
const grammar = { type: "grammar", syntax: "lark", definition: "start: /x/" };
const patch = { type: "custom", name: "apply_patch", description: "Edits.", format: grammar };
const search = { type: "web_search", external_web_access: false };

const sentOf = (body: JsonObject): JsonObject => {
  expect(findUntranslatable(body)).toBeUndefined();
  const target = { model: "up", maxOutputTokens: 9, maxTokensField: "max_tokens" } as const;
  return JSON.parse(chatBody({ input: "Hi", ...body }, target)) as JsonObject;
};
const functionsOf = (body: JsonObject) =>
  (sentOf(body)["tools"] as { function: JsonObject }[] | undefined)?.map((tool) => tool.function);

describe("tools that are no plain functions, as functions", () => {
  it("opens namespaces, and keeps names within what engines take", () => {
    expect(functionsOf({ tools: [agents] })).toEqual([
      { name: "multi_agent_v1__spawn_agent", description: "d", parameters, strict: false },
    ]);
    expect(functionName("f", "mcp__files__")).toBe("mcp__files__f");
    const long = functionName("n".repeat(40), "s".repeat(40));
    expect(long).toMatch(/^[a-zA-Z0-9_-]{64}$/);
    expect(functionName("n".repeat(41), "s".repeat(40))).not.toBe(long);
    expect(functionName("é.b", "a")).toMatch(/^a____b_[0-9a-f]{8}$/);
  });

  it("wraps free text in a field of its own, and tells the model of its grammar", () => {
    const [made] = functionsOf({ tools: [patch] }) ?? [];
    expect(made).toMatchObject({
      name: "apply_patch",
      parameters: { required: ["input"], additionalProperties: false },
    });
    expect(made?.["description"]).toBe(
      "Edits.\n\nThe input must follow this lark grammar:\nstart: /x/",
    );
  });

  it("takes tools that come as input items", () => {
    const brought = { type: "additional_tools", role: "developer", tools: [agents, patch] };
    const found = { type: "tool_search_output", call_id: "c", tools: [spawn] };
    const sent = sentOf({ input: [brought, { role: "user", content: "Hi" }, found] });
    const tools = sent["tools"] as { function: JsonObject }[];
    expect(tools.map((tool) => tool.function["name"])).toEqual([
      "multi_agent_v1__spawn_agent",
      "apply_patch",
      "spawn_agent",
    ]);
    expect(sent["messages"]).toMatchObject([{ role: "user" }, { role: "tool", tool_call_id: "c" }]);
  });

  it("leaves out a search that may not search, and says so", () => {
    const body = { tools: [spawn, search], truncation: "auto" };
    expect(functionsOf(body)).toHaveLength(1);
    expect(ignoredParts(body)).toEqual(["tools[1] (web_search)", "truncation"]);
    const problem = findUntranslatable({ tools: [{ type: "web_search" }] });
    expect(problem).toEqual({
      param: "tools[0].type",
      message:
        "A tool of type 'web_search' needs a provider that serves /v1/responses itself, and this model has none. Leave it out, or use a model of such a provider.",
    });
  });

  it("says of calls in the input what their functions were", () => {
    const input = [
      {
        type: "function_call",
        call_id: "1",
        namespace: "multi_agent_v1",
        name: "spawn_agent",
        arguments: "{}",
      },
      { type: "custom_tool_call", call_id: "2", name: "apply_patch", input: 'a "b"' },
      {
        type: "local_shell_call",
        call_id: "3",
        action: { type: "exec", command: ["ls"], env: {} },
      },
      { type: "function_call_output", call_id: "1", output: "x" },
      {
        type: "custom_tool_call_output",
        call_id: "2",
        output: [{ type: "input_text", text: "y" }],
      },
      { type: "local_shell_call_output", call_id: "3", output: "z" },
      { type: "shell_call_output", call_id: "4", output: [{ stdout: "s", stderr: "" }] },
    ];
    const [called, ...outputs] = sentOf({ input })["messages"] as {
      tool_calls: { function: object }[];
      content: string;
    }[];
    expect(called?.tool_calls.map((each) => each.function)).toEqual([
      { name: "multi_agent_v1__spawn_agent", arguments: "{}" },
      { name: "apply_patch", arguments: '{"input":"a \\"b\\""}' },
      { name: "local_shell", arguments: '{"command":["ls"]}' },
    ]);
    expect(outputs.map((each) => each.content)).toEqual([
      "x",
      "y",
      "z",
      '[{"stdout":"s","stderr":""}]',
    ]);
  });

  it("takes objects where texts are usual, and messages in the shape of chat completions", () => {
    const made = { name: "f", arguments: '{"city":"Oslo"}' };
    const input = [
      { type: "function_call", call_id: "1", name: "f", arguments: { city: "Oslo" } },
      { type: "function_call_output", call_id: "1", output: { degrees: 3 } },
      { role: "user", content: [{ type: "image_url", image_url: { url: "data:x" } }] },
      { role: "assistant", content: null, tool_calls: [{ id: "2", function: made }] },
      { role: "tool", tool_call_id: "2", content: "ok" },
    ];
    expect(sentOf({ input })["messages"]).toEqual([
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "1", type: "function", function: made }],
      },
      { role: "tool", tool_call_id: "1", content: '{"degrees":3}' },
      { role: "user", content: [{ type: "image_url", image_url: { url: "data:x" } }] },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "2", type: "function", function: made }],
      },
      { role: "tool", tool_call_id: "2", content: "ok" },
    ]);
  });

  it.each<[string, unknown]>([
    [
      "multi_agent_v1__spawn_agent",
      { type: "function", namespace: "multi_agent_v1", name: "spawn_agent" },
    ],
    ["apply_patch", { type: "custom", name: "apply_patch" }],
    ["local_shell", { type: "local_shell" }],
  ])("lets %s be chosen", (name, choice) => {
    const sent = sentOf({ tools: [agents, patch, { type: "local_shell" }], tool_choice: choice });
    expect(sent["tool_choice"]).toEqual({ type: "function", function: { name } });
  });
});

const typesOf = (texts: string) =>
  eventsOf(texts).flatMap(({ type }) => (type.endsWith("delta") ? [] : [type]));

const callOf = (name: string, text: string) =>
  chunk({
    tool_calls: [{ index: 0, id: "call_a", function: { name, arguments: text.slice(0, 5) } }],
  }) +
  chunk({ tool_calls: [{ index: 0, function: { arguments: text.slice(5) } }] }) +
  chunk({}, "tool_calls") +
  doneEvent;

describe("a function's call, as a call of the tool that it stands for", () => {
  const tools = [
    agents,
    patch,
    { type: "local_shell" },
    { type: "shell" },
    { type: "apply_patch" },
  ];
  it.each<[string, string, JsonObject]>([
    [
      "multi_agent_v1__spawn_agent",
      '{"task":"x"}',
      {
        type: "function_call",
        namespace: "multi_agent_v1",
        name: "spawn_agent",
        arguments: '{"task":"x"}',
      },
    ],
    [
      "apply_patch_freely",
      '{"input":"*** Begin \\"Patch\\""}',
      { type: "custom_tool_call", name: "apply_patch_freely", input: '*** Begin "Patch"' },
    ],
    [
      "apply_patch_freely",
      "*** Begin Patch",
      { type: "custom_tool_call", input: "*** Begin Patch" },
    ],
    ["apply_patch_freely", '{"patch":"+a"}', { type: "custom_tool_call", input: "+a" }],
    [
      "local_shell",
      '{"command":["ls","-l"]}',
      { type: "local_shell_call", action: { type: "exec", command: ["ls", "-l"], env: {} } },
    ],
    [
      "shell",
      '{"commands":["ls"],"timeout_ms":9}',
      { type: "shell_call", action: { commands: ["ls"], timeout_ms: 9, max_output_length: null } },
    ],
    [
      "apply_patch",
      '{"type":"delete_file","path":"a"}',
      { type: "apply_patch_call", operation: { type: "delete_file", path: "a" } },
    ],
  ])("%s %s", async (name, text, item) => {
    const declared = [
      ...tools.filter((tool) => tool !== patch),
      { ...patch, name: "apply_patch_freely" },
    ];
    const {
      response,
      text: begun,
      tail,
    } = readAll(readerOf("chat", { tools: declared }), callOf(name, text));
    const [made] = (response?.["output"] ?? []) as JsonObject[];
    expect(made).toMatchObject({ ...item, call_id: "call_a", status: "completed" });
    const seen = await sdkResponse(`${begun}${tail}`);
    expect(seen.output).toMatchObject([item]);
    // Written at once, the finished response has the same events except for the deltas.
    expect(typesOf(finishedEvents(response ?? {}).join(""))).toEqual(typesOf(`${begun}${tail}`));
  });

  it("with arguments that are none for it is no success", () => {
    const { failure } = readAll(readerOf("chat", { tools }), callOf("local_shell", '{"cmd":"ls"}'));
    expect(failure?.reason).toBe("malformed");
  });
});

it("a custom tool is called and answered through the openai package", async () => {
  const script = callOf("apply_patch", '{"input":"+a"}');
  const { baseUrl, requests } = await startBridge(
    (_request, turn) => (turn === 0 ? script : chunk({ content: "ok" }, "stop") + doneEvent),
    { responses: "translate" },
  );
  const client = new OpenAI({ apiKey: "k", baseURL: baseUrl, maxRetries: 0 });
  const tools = [patch, agents] as OpenAI.Responses.Tool[];
  const first = await client.responses.create({ model: "m", input: "Edit.", tools });
  const [made] = first.output;
  if (made?.type !== "custom_tool_call") throw new Error("no custom call");
  const second = await client.responses.create({
    model: "m",
    tools,
    input: [
      { role: "user", content: "Edit." },
      made,
      { type: "custom_tool_call_output", call_id: made.call_id, output: "done" },
    ],
  });
  expect(second.output_text).toBe("ok");
  expect(requests[1]?.body["messages"]).toMatchObject([
    { role: "user" },
    { role: "assistant", tool_calls: [{ function: { arguments: '{"input":"+a"}' } }] },
    { role: "tool", content: "done" },
  ]);
});
