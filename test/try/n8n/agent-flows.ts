import { expect } from "../run/expect.ts";
import type { Flow } from "../run/flow.ts";
import {
  agentOn,
  ask,
  askAgain,
  calculator,
  type Mode,
  MODES,
  type N8nContext,
  green,
  stored,
} from "./context.ts";
import { workflow } from "./workflow.ts";

const perMode = (name: string, run: (context: N8nContext, mode: Mode) => Promise<string>) =>
  MODES.map((mode): Flow<N8nContext> => ({
    name: `${name}, ${mode}`,
    run: (each) => run(each, mode),
  }));

/** Agents as people build them, in both modes of the chat model. */
export const agentFlows: readonly Flow<N8nContext>[] = [
  ...perMode("an agent with a tool", withTool),
  ...perMode("an agent with a tool, streamed", (context, mode) =>
    withTool(context, mode, "streaming"),
  ),
  ...perMode("an agent at an engine with responses", atNativeEngine),
  ...perMode("an agent that remembers", remembering),
];

async function withTool(
  context: N8nContext,
  mode: Mode,
  responseMode: "lastNode" | "streaming" = "lastNode",
): Promise<string> {
  const before = context.calling.calls();
  const nodes = agentOn("calling", mode, context.rich, calculator);
  const execution = await ask(context, nodes, "What is 6*7?", responseMode);
  const { output } = green(execution);
  const calls = context.calling.calls() - before;
  expect(output === "It is 42.", `it says ${JSON.stringify(output)}`);
  expect(execution.runs("Calculator") === 1, `${execution.runs("Calculator")} runs of the tool`);
  return `"It is 42." after ${calls} calls of the engine and one of the calculator`;
}

async function atNativeEngine(context: N8nContext, mode: Mode): Promise<string> {
  context.native.reset();
  const nodes = agentOn("native", mode, context.rich, calculator);
  const execution = await ask(context, nodes, "[sim calls=1] Hello");
  const { output } = green(execution);
  expect(String(output).startsWith("tok0 tok1"), `it says ${JSON.stringify(output)}`);
  expect(execution.runs("Calculator") === 1, `${execution.runs("Calculator")} runs of the tool`);
  return `the engine's answer after ${context.native.bodies().length} calls of it`;
}

async function remembering(context: N8nContext, mode: Mode): Promise<string> {
  const memory = {
    Memory: {
      type: "@n8n/n8n-nodes-langchain.memoryBufferWindow",
      version: 1.3,
      parameters: { sessionIdType: "customKey", sessionKey: "one" },
      serves: ["ai_memory", "Agent"],
    },
  } as const;
  const nodes = agentOn("native", mode, context.rich, memory);
  const talk = await stored(context, workflow("talk", "Agent", nodes));
  green(await askAgain(context, talk, "My name is Ada."));
  context.native.reset();
  green(await askAgain(context, talk, "What is my name?"));
  const bodies = JSON.stringify(context.native.bodies());
  expect(bodies.includes("My name is Ada.") && bodies.includes("tok0 tok1"), `asked: ${bodies}`);
  return "the second call brings the first question and its answer";
}
