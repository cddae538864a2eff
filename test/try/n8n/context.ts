import type { SimulatedEngines } from "../clients/simulated-engines.ts";
import { expect } from "../run/expect.ts";
import type { CallingEngine } from "./calling-engine.ts";
import type { Execution } from "./execution.ts";
import type { N8n } from "./start-n8n.ts";
import { type Credential, type Workflow, type WorkflowNode, workflow } from "./workflow.ts";

/** What every flow has: n8n, a broker before simulated engines, and one more engine that calls tools. */
export interface N8nContext extends SimulatedEngines {
  readonly n8n: N8n;
  readonly calling: CallingEngine;
  /** A credential with a key that may spend what it likes. */
  readonly rich: Credential;
}

/** How a chat model asks: `responses` is the default of n8n's node. */
export const modes = ["responses", "chat"] as const;
export type Mode = (typeof modes)[number];

const endTimeoutMs = 60_000;

/** Puts a key of the broker into n8n, behind a base URL as people write it. */
export async function credentialOf(
  { n8n, broker }: Pick<N8nContext, "n8n" | "broker">,
  apiKey: string,
  baseUrl = `${broker.url}/v1`,
): Promise<Credential> {
  const name = `OpenAI ${baseUrl} ${apiKey.slice(-6)}`;
  const data = { apiKey, url: baseUrl, header: false };
  const made = await n8n.caller.rest("/credentials", { name, type: "openAiApi", data });
  return { id: (made as { id: string }).id, name };
}

/** A new key of the broker with these fields, in n8n as well. */
export async function newKey(
  context: N8nContext,
  fields: Readonly<Record<string, unknown>>,
): Promise<{ id: string; credential: Credential }> {
  const made = await context.broker.admin.post("/admin/keys", fields);
  const { id, key } = made.json as { id: string; key: string };
  return { id, credential: await credentialOf(context, key) };
}

/** An agent with its chat model and what else stands below it. */
export function agentOn(
  model: string,
  mode: Mode,
  credential: Credential,
  below: Readonly<Record<string, WorkflowNode>> = {},
  agent: Partial<WorkflowNode> = {},
): Record<string, WorkflowNode> {
  return {
    Agent: {
      type: "@n8n/n8n-nodes-langchain.agent",
      version: 3.1,
      parameters: { promptType: "define", text: "={{ $json.body.prompt }}", options: {} },
      ...agent,
    },
    Model: {
      type: "@n8n/n8n-nodes-langchain.lmChatOpenAi",
      version: 1.3,
      parameters: {
        model: { __rl: true, mode: "id", value: model },
        responsesApiEnabled: mode === "responses",
        options: {},
      },
      credential,
      serves: ["ai_languageModel", "Agent"],
    },
    ...below,
  };
}

/** The tool that works out sums, below the agent. */
export const calculator: Readonly<Record<string, WorkflowNode>> = {
  Calculator: {
    type: "@n8n/n8n-nodes-langchain.toolCalculator",
    version: 1,
    serves: ["ai_tool", "Agent"],
  },
};

/** Sends a prompt through the agent's workflow and waits until n8n shows how that ended. */
export async function ask(
  context: N8nContext,
  nodes: Readonly<Record<string, WorkflowNode>>,
  prompt: string,
  responseMode: "lastNode" | "onReceived" | "streaming" = "lastNode",
  first = "Agent",
): Promise<Execution> {
  const made = await stored(context, workflow("try", first, nodes, responseMode));
  return askAgain(context, made, prompt);
}

/** A workflow that is switched on. */
export interface StoredWorkflow {
  readonly id: string;
  readonly path: string;
}

export async function stored(
  { n8n }: N8nContext,
  { path, definition }: Workflow,
): Promise<StoredWorkflow> {
  return { id: await n8n.caller.activate(definition), path };
}

/** The same for a workflow that is there. */
export async function askAgain(
  { n8n }: N8nContext,
  { id, path }: StoredWorkflow,
  prompt: string,
): Promise<Execution> {
  const before = await n8n.caller.newestExecution(id);
  await n8n.caller.webhook(path, { prompt });
  return n8n.caller.executionOf(id, endTimeoutMs, before);
}

/** Fails unless the execution is green; returns what its last node gave. */
export function green(execution: Execution): Record<string, unknown> {
  expect(execution.status === "success", `${execution.status}: ${execution.error}`);
  return (execution.output() ?? {}) as Record<string, unknown>;
}

/** Fails unless the execution is red; returns what its user reads. */
export function red(execution: Execution): string {
  const output = JSON.stringify(execution.output());
  expect(execution.status === "error", `${execution.status} with ${output}`);
  return execution.error;
}
