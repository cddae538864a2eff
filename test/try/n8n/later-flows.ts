import { expect } from "../run/expect.ts";
import type { Flow } from "../run/flow.ts";
import { ask, green, type N8nContext, newKey, stored } from "./context.ts";
import { workflow, type WorkflowNode } from "./workflow.ts";

/** n8n's background mode polls every ten seconds. */
const END_TIMEOUT_MS = 90_000;
const MODELS = ["native", "translated"] as const;

/** Answers for which nobody waits on a connection. */
export const laterFlows: readonly Flow<N8nContext>[] = [
  ...MODELS.map((model) => ({
    name: `background mode, ${model}`,
    run: (context: N8nContext) => background(context, model),
  })),
  ...MODELS.map((model) => ({
    name: `respond-async, and a Wait node that the webhook wakes, ${model}`,
    run: (context: N8nContext) => woken(context, model),
  })),
];

async function background(context: N8nContext, model: string): Promise<string> {
  const node: WorkflowNode = {
    type: "@n8n/n8n-nodes-langchain.openAi",
    version: 2.3,
    parameters: {
      resource: "text",
      operation: "response",
      modelId: { __rl: true, mode: "id", value: model },
      responses: { values: [{ type: "text", role: "user", content: "={{ $json.body.prompt }}" }] },
      simplify: true,
      options: { backgroundMode: { values: { enabled: true, timeout: 80 } } },
    },
    credential: context.rich,
  };
  const output = JSON.stringify(green(await ask(context, { Agent: node }, "Hello")));
  expect(output.includes("tok0 tok1"), output);
  return "green with the engine's answer, polled";
}

async function woken(context: N8nContext, model: string): Promise<string> {
  const { broker, n8n } = context;
  const { credential } = await newKey(context, { name: "later", allow_webhook_url: true });
  const request = {
    type: "n8n-nodes-base.httpRequest",
    version: 4.2,
    credential,
  };
  const sign = { authentication: "predefinedCredentialType", nodeCredentialType: "openAiApi" };
  const chatBody = `={{ JSON.stringify({
    model: "${model}",
    messages: [{ role: "user", content: $json.body.prompt }],
    webhook_url: $execution.resumeUrl
  }) }}`;
  const nodes: Record<string, WorkflowNode> = {
    Ask: {
      ...request,
      parameters: {
        ...sign,
        method: "POST",
        url: `${broker.url}/v1/chat/completions`,
        sendHeaders: true,
        headerParameters: {
          parameters: [
            { name: "Prefer", value: "respond-async" },
            { name: "Idempotency-Key", value: "={{ $execution.id }}" },
          ],
        },
        sendBody: true,
        specifyBody: "json",
        jsonBody: chatBody,
      },
      to: ["Wait"],
    },
    Wait: {
      type: "n8n-nodes-base.wait",
      version: 1.1,
      parameters: { resume: "webhook", httpMethod: "POST", options: {} },
      to: ["Fetch"],
    },
    Fetch: {
      ...request,
      parameters: {
        ...sign,
        method: "GET",
        url: `=${broker.url}/v1/jobs/{{ $json.body.data.id }}/result`,
      },
    },
  };
  const { id, path } = await stored(context, workflow("later", "Ask", nodes, "onReceived"));
  await n8n.caller.webhook(path, { prompt: "Hello" });
  const execution = await n8n.caller.executionOf(id, END_TIMEOUT_MS);
  const output = JSON.stringify(green(execution));
  expect(output.includes("tok0 tok1"), output);
  const event = execution.output("Wait") as { body: { type: string } };
  const job = execution.output("Ask") as { status: string };
  return `a ${job.status} job, then ${event.body.type} at the resume URL, then the answer`;
}
