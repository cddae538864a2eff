/** The inference endpoints, with their paths below a `/v1` base URL. */
export const endpoints = {
  "chat.completions": "/chat/completions",
  completions: "/completions",
  embeddings: "/embeddings",
  responses: "/responses",
} as const;

export type Endpoint = keyof typeof endpoints;
