import { randomUUID } from "node:crypto";

/** A node of a workflow, by the name that it has there. */
export interface WorkflowNode {
  readonly type: string;
  readonly version: number;
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** The credential of type `openAiApi` that it uses. */
  readonly credential?: Credential;
  /** _Retry On Fail_: tries in all, and the pause before each. */
  readonly retry?: { readonly maxTries: number; readonly waitBetweenTries: number };
  /** Nodes that come after it; or, of a node below another, the one that it serves, by its kind. */
  readonly to?: readonly string[];
  readonly serves?: readonly [kind: string, node: string];
}

export interface Credential {
  readonly id: string;
  readonly name: string;
}

export interface Workflow {
  /** Of its webhook. */
  readonly path: string;
  /** As n8n's REST API takes it. */
  readonly definition: object;
}

/** A workflow that is started by a POST to its webhook, whose answer is what its last node gives. */
export function workflow(
  name: string,
  first: string,
  nodes: Readonly<Record<string, WorkflowNode>>,
  responseMode: "lastNode" | "onReceived" | "streaming" = "lastNode",
): Workflow {
  const path = randomUUID();
  const webhook: WorkflowNode = {
    type: "n8n-nodes-base.webhook",
    version: 2.1,
    parameters: { httpMethod: "POST", path, responseMode, options: {} },
    to: [first],
  };
  return { path, definition: definitionOf(name, { Webhook: webhook, ...nodes }) };
}

function definitionOf(name: string, nodes: Readonly<Record<string, WorkflowNode>>): object {
  const connections = Object.entries(nodes).map(([from, { to = [], serves }]) => {
    const main = to.map((node) => ({ node, type: "main", index: 0 }));
    if (serves === undefined) return [from, { main: [main] }];
    const [kind, node] = serves;
    return [from, { [kind]: [[{ node, type: kind, index: 0 }]] }];
  });
  return {
    name,
    settings: { executionOrder: "v1" },
    nodes: Object.entries(nodes).map(([each, node], at) => ({
      id: randomUUID(),
      name: each,
      type: node.type,
      typeVersion: node.version,
      position: [at * 200, 0],
      parameters: node.parameters ?? {},
      ...(each === "Webhook" || each === "Wait" ? { webhookId: randomUUID() } : {}),
      ...(node.retry === undefined ? {} : { retryOnFail: true, ...node.retry }),
      ...(node.credential === undefined ? {} : { credentials: { openAiApi: node.credential } }),
    })),
    connections: Object.fromEntries(connections),
  };
}
