import { validateHeaderValue } from "node:http";
import { readErrorResponse } from "../errors/read-error-response.ts";
import { shapeBody } from "../sse/body-shape.ts";
import type { WireFormat } from "../wire-format.ts";
import { GenerationCalls } from "./generation-calls.ts";
import type { OpenAiSite } from "./openai-site.ts";
import { ResponseCalls } from "./response-calls.ts";

/** Speaks the OpenAI API. Throws when the API key cannot be sent in a header. */
export function openAiFormat(site: OpenAiSite): WireFormat {
  const { baseUrl, apiKey } = site.config;
  const responses = new ResponseCalls(site);
  const generations = new GenerationCalls(site);
  const credential: Readonly<Record<string, string>> =
    apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  for (const [name, value] of Object.entries(credential)) validateHeaderValue(name, value);
  const base = baseUrl.replace(/\/+$/, "");
  return {
    prepare(call) {
      const calls = call.endpoint === "responses" ? responses : generations;
      return calls.prepare(call);
    },
    sign: (request) =>
      Promise.resolve({ ...request, headers: { ...request.headers, ...credential } }),
    shapeOf: shapeBody,
    readError: readErrorResponse,
    probe: {
      health: new URL(`${base.replace(/\/v1$/, "")}/health`),
      list: new URL(`${base}/models`),
    },
  };
}
