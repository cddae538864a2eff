import type { SimulatedEngines } from "../clients/simulated-engines.ts";
import { expect } from "../run/expect.ts";
import type { CallingEngine } from "./calling-engine.ts";
import type { Execution } from "./execution.ts";
import type { N8n } from "./start-n8n.ts";
import { type Credential, type Workflow, type WorkflowNode, workflow } from "./workflow.ts";

/**
 * The arguments of every flow: n8n, a broker with simulated engines, and one more engine that calls
 * tools.
 */
export interface N8nContext extends SimulatedEngines {
  readonly n8n: N8n;
  readonly calling: CallingEngine;
  /** A credential with a key that has no budget. */
  readonly rich: Credential;
}

/** The modes of a chat model; `responses` is the default of n8n's node. */
export const MODES = ["responses", "chat"] as const;
export type Mode = (typeof MODES)[number];

const END_TIMEOUT_MS = 60_000;

/** Stores a key of the broker in n8n, with a base URL as people write it. */
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

/** Makes a key of the broker with these fields, and its credential in n8n. */
export async function newKey(
  context: N8nContext,
  fields: Readonly<Record<string, unknown>>,
): Promise<{ id: string; credential: Credential }> {
  const made = await context.broker.admin.post("/admin/keys", fields);
  const { id, key } = made.json as { id: string; key: string };
  return { id, credential: await credentialOf(context, key) };
}

/** Makes an agent with its chat model and other nodes below it. */
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

/** This tool calculates, below the agent. */
export const calculator: Readonly<Record<string, WorkflowNode>> = {
  Calculator: {
    type: "@n8n/n8n-nodes-langchain.toolCalculator",
    version: 1,
    serves: ["ai_tool", "Agent"],
  },
};

/** Sends a prompt through the agent's workflow and waits until n8n shows how it ended. */
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

/** Stores a workflow in n8n and switches it on. */
export async function stored(
  { n8n }: N8nContext,
  { path, definition }: Workflow,
): Promise<StoredWorkflow> {
  return { id: await n8n.caller.activate(definition), path };
}

/** Sends a prompt through a stored workflow and waits for its end. */
export async function askAgain(
  { n8n }: N8nContext,
  { id, path }: StoredWorkflow,
  prompt: string,
): Promise<Execution> {
  const before = await n8n.caller.newestExecution(id);
  await n8n.caller.webhook(path, { prompt });
  return n8n.caller.executionOf(id, END_TIMEOUT_MS, before);
}

/** Throws unless the execution is green. Returns the output of its last node. */
export function green(execution: Execution): Record<string, unknown> {
  expect(execution.status === "success", `${execution.status}: ${execution.error}`);
  return (execution.output() ?? {}) as Record<string, unknown>;
}

/** Throws unless the execution is red. Returns the text that its user reads. */
export function red(execution: Execution): string {
  const output = JSON.stringify(execution.output());
  expect(execution.status === "error", `${execution.status} with ${output}`);
  return execution.error;
}
