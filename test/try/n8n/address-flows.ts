import { expect } from "../run/expect.ts";
import type { Flow } from "../run/flow.ts";
import { agentOn, ask, credentialOf, green, MODES, type N8nContext } from "./context.ts";
import type { WorkflowNode } from "./workflow.ts";

/** The base URL in the forms that people write, and the model lists and embeddings behind it. */
export const addressFlows: readonly Flow<N8nContext>[] = [
  ...(["/v1", "/v1/", "", "/"] as const).map((end) => ({
    name: `the base URL, ending with '${end}'`,
    run: (context: N8nContext) => addressed(context, end),
  })),
  { name: "the credential's test with a wrong key", run: wrongKey },
  { name: "embeddings in a vector store", run: embeddings },
];

async function addressed(context: N8nContext, end: string): Promise<string> {
  const key = await context.broker.key({ name: "addressed" });
  const credential = await credentialOf(context, key, `${context.broker.url}${end}`);
  const tested = await test(context, credential.id, key, `${context.broker.url}${end}`);
  expect(tested.status === "OK", `the credential's test: ${JSON.stringify(tested)}`);
  for (const mode of MODES) {
    const { output } = green(await ask(context, agentOn("native", mode, credential), "Hello"));
    expect(String(output).startsWith("tok0 tok1"), `${mode}: ${JSON.stringify(output)}`);
  }
  return "the credential's test, responses and chat";
}

async function wrongKey(context: N8nContext): Promise<string> {
  const url = `${context.broker.url}/v1`;
  const credential = await credentialOf(context, "sk-wrong", url);
  const { status, message } = await test(context, credential.id, "sk-wrong", url);
  expect(status === "Error", `${status} ${message}`);
  return `refused: ${message}`;
}

async function test(
  { n8n }: N8nContext,
  id: string,
  apiKey: string,
  url: string,
): Promise<{ status: string; message: string }> {
  const data = { apiKey, url, header: false };
  const credentials = { id, name: "test", type: "openAiApi", data };
  const tested = await n8n.caller.rest("/credentials/test", { credentials });
  return tested as { status: string; message: string };
}

async function embeddings(context: N8nContext): Promise<string> {
  const embedder = (node: string): WorkflowNode => ({
    type: "@n8n/n8n-nodes-langchain.embeddingsOpenAi",
    version: 1.2,
    parameters: { model: "tiny-embed", options: {} },
    credential: context.rich,
    serves: ["ai_embedding", node],
  });
  const store = {
    type: "@n8n/n8n-nodes-langchain.vectorStoreInMemory",
    version: 1.3,
  };
  const memoryKey = { __rl: true, mode: "id", value: "try" };
  const nodes: Record<string, WorkflowNode> = {
    Insert: {
      ...store,
      parameters: { mode: "insert", memoryKey, clearStore: true },
      to: ["Find"],
    },
    Find: {
      ...store,
      parameters: {
        mode: "load",
        memoryKey,
        prompt: "={{ $('Webhook').item.json.body.prompt }}",
        topK: 1,
        options: {},
      },
    },
    "Embed documents": embedder("Insert"),
    "Embed questions": embedder("Find"),
    Loader: {
      type: "@n8n/n8n-nodes-langchain.documentDefaultDataLoader",
      version: 1.1,
      parameters: {
        dataType: "json",
        jsonMode: "expressionData",
        jsonData: "={{ $json.body.prompt }}",
        textSplittingMode: "simple",
        options: {},
      },
      serves: ["ai_document", "Insert"],
    },
  };
  const text = "Rivers flow to the sea.";
  const found = JSON.stringify(green(await ask(context, nodes, text, "lastNode", "Insert")));
  expect(found.includes(text), found);
  return "a document put in and found";
}
