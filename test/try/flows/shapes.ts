import type { Ability } from "../engines/engine.ts";
import { expect } from "../run/expect.ts";
import type { Flow } from "../run/flow.ts";
import { jobOf } from "./answers.ts";
import { chatOf, type EngineContext, MODELS } from "./context.ts";

interface Choices {
  readonly choices: readonly {
    readonly index: number;
    readonly text?: string;
    readonly message?: {
      readonly content: string | null;
      readonly tool_calls?: readonly unknown[];
    };
  }[];
}

/** Requests of other shapes. Each is left out, with its reason, when the engine cannot do it. */
export const shapeFlows: readonly Flow<EngineContext>[] = [
  { name: "two choices", run: unlessLacking("n", twoChoices) },
  { name: "a list of prompts", run: unlessLacking("list prompts", listPrompts) },
  { name: "a required tool", run: unlessLacking("tools", requiredTool) },
  { name: "an answer by JSON schema", run: unlessLacking("schema", jsonSchema) },
];

function unlessLacking(
  ability: Ability,
  run: (context: EngineContext) => Promise<string>,
): (context: EngineContext) => Promise<string> {
  return async (context) => {
    const reason = context.engine.lacks[ability];
    return reason === undefined ? run(context) : `left out: ${reason}`;
  };
}

async function twoChoices({ engine, caller }: EngineContext): Promise<string> {
  const body = { ...chatOf(engine, 8), n: 2, temperature: 1 };
  const answer = await caller.post("/v1/chat/completions", body);
  expect(answer.status === 200, `${answer.status} ${answer.text}`);
  const { choices } = answer.json as Choices;
  expect(choices.length === 2, `${choices.length} choices`);
  const [row] = await caller.ledger(jobOf(answer.headers));
  expect(row !== undefined, "no ledger row");
  // A choice may end early when its engine cannot be made to go on.
  expect(row.completion_tokens > 8, `both choices cost ${row.completion_tokens} tokens`);
  return `2 choices, ${row.completion_tokens} tokens in the ledger`;
}

async function listPrompts({ engine, caller }: EngineContext): Promise<string> {
  const body = { model: MODELS.chat, prompt: ["one", "two"], max_tokens: 8, ...engine.untilCap };
  const answer = await caller.post("/v1/completions", body);
  expect(answer.status === 200, `${answer.status} ${answer.text}`);
  const { choices } = answer.json as Choices;
  expect(choices.length === 2, `${choices.length} choices`);
  const [row] = await caller.ledger(jobOf(answer.headers));
  expect(row?.completion_tokens === 16, `ledger ${JSON.stringify(row)}`);
  return "2 choices, 16 tokens in the ledger";
}

async function requiredTool({ engine, caller }: EngineContext): Promise<string> {
  // The tool has no property: a random model would fill a string, or the blanks around it, without
  // an end.
  const parameters = { type: "object", properties: {}, additionalProperties: false };
  const answer = await caller.post("/v1/chat/completions", {
    ...chatOf(engine, 200),
    tools: [{ type: "function", function: { name: "report", strict: true, parameters } }],
    tool_choice: "required",
  });
  expect(answer.status === 200, `${answer.status} ${answer.text}`);
  const calls = (answer.json as Choices).choices[0]?.message?.tool_calls ?? [];
  expect(calls.length > 0, `no call: ${answer.text.slice(0, 300)}`);
  return `${calls.length} call: ${JSON.stringify(calls[0])}`;
}

async function jsonSchema({ engine, caller }: EngineContext): Promise<string> {
  const schema = {
    type: "object",
    properties: { sky: { enum: ["clear", "cloudy"] } },
    required: ["sky"],
    additionalProperties: false,
  };
  const answer = await caller.post("/v1/chat/completions", {
    ...chatOf(engine, 100),
    ignore_eos: undefined,
    response_format: { type: "json_schema", json_schema: { name: "sky", strict: true, schema } },
  });
  expect(answer.status === 200, `${answer.status} ${answer.text}`);
  const content = (answer.json as Choices).choices[0]?.message?.content ?? "";
  const { sky } = JSON.parse(content) as { sky: string };
  expect(sky === "clear" || sky === "cloudy", content);
  return content;
}
