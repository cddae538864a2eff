/** The inference endpoints, with their paths below a `/v1` base URL. */
export const endpoints = {
  "chat.completions": "/chat/completions",
  completions: "/completions",
  embeddings: "/embeddings",
  responses: "/responses",
} as const;

/** The name by which jobs, the ledger and batches know an endpoint. */
export type Endpoint = keyof typeof endpoints;
