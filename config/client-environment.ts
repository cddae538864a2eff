import type { Lookup } from "./environment.ts";

/** The broker's address and the API key of commands that talk to a running broker. */
export interface ClientEnvironment {
  readonly url: string;
  readonly apiKey: string | undefined;
}

/** Reads `SPILLWAY_URL` and `SPILLWAY_API_KEY`; each can also be set as the path of a file. */
export function readClientEnvironment(get: Lookup): ClientEnvironment {
  return {
    url: get("SPILLWAY_URL") ?? "http://127.0.0.1:4600",
    apiKey: get("SPILLWAY_API_KEY"),
  };
}
