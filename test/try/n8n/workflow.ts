import { randomUUID } from "node:crypto";

/** A workflow's node, by its name. */
export interface WorkflowNode {
  readonly type: string;
  readonly version: number;
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** The node's credential, of type `openAiApi`. */
  readonly credential?: Credential;
  /** _Retry On Fail_: the number of tries in all, and the pause before each. */
  readonly retry?: { readonly maxTries: number; readonly waitBetweenTries: number };
  /**
   * The nodes that follow this one. A node below another has `serves` instead: the kind of the
   * connection and the node.
   */
  readonly to?: readonly string[];
  readonly serves?: readonly [kind: string, node: string];
}

export interface Credential {
  readonly id: string;
  readonly name: string;
}

export interface Workflow {
  /** The path of its webhook. */
  readonly path: string;
  /** The workflow has the format of n8n's REST API. */
  readonly definition: object;
}

/**
 * Makes a workflow that is started by a POST to its webhook, which answers with the output of the
 * last node.
 */
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
