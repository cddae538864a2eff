/** The paths of the endpoints are below a `/v1` base URL. */
export const endpoints = {
  "chat.completions": "/chat/completions",
  completions: "/completions",
  embeddings: "/embeddings",
  responses: "/responses",
} as const;

/** Jobs, the ledger and batches know an endpoint by this name. */
export type Endpoint = keyof typeof endpoints;
