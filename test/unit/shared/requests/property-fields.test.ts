import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dialects, obeyedBody, type DialectName } from "../../../../cli/simulate/dialect.ts";
import { fieldNames, foldName, governedField, words } from "../../../../config/request-fields.ts";
import type { Endpoint } from "../../../../shared/contracts/endpoint.ts";
import { BrokerError } from "../../../../shared/errors/broker-error.ts";
import { compileRoutes } from "../../../../shared/routing/compiled-route.ts";
import { parseBody } from "../../../../shared/requests/parse-body.ts";
import { readRequest, type InferenceRequest } from "../../../../shared/requests/read-request.ts";
import { chatSchema } from "../../../../shared/requests/schemas/chat-schema.ts";
import { completionSchema } from "../../../../shared/requests/schemas/completion-schema.ts";
import { embeddingSchema } from "../../../../shared/requests/schemas/embedding-schema.ts";
import { responsesSchema } from "../../../../shared/requests/schemas/responses-schema.ts";
import type { JsonObject } from "../../../../shared/json/json-object.ts";
import { requestBody } from "../../../../workers/providers/openai/request-body.ts";
import { chatBody } from "../../../../workers/providers/responses/chat-body.ts";
import { nativeBody } from "../../../../workers/providers/openai/native-body.ts";
import {
  containers,
  names,
  randomBody,
  soundBodies,
  spellings,
} from "../../../system/broker/random-body.ts";
import { testConfig } from "../../../support/test-config.ts";

const routes = compileRoutes(testConfig());
const publicModel = { embeddings: "embed-small" } as const;
const allDialects = Object.keys(dialects) as DialectName[];

interface OutgoingBody {
  readonly endpoint: Endpoint;
  readonly text: string;
}

/** Returns the bodies that may be sent for a request, one for each way a provider takes it. */
function outgoingBodies(endpoint: Endpoint, request: InferenceRequest): readonly OutgoingBody[] {
  const { maxOutputTokens, response } = request;
  if (response === undefined) {
    const { stream, body } = request;
    const call = { endpoint, stream, maxOutputTokens, body };
    return (["max_tokens", "max_completion_tokens"] as const).map((field) => ({
      endpoint,
      text: requestBody(call, "up", field),
    }));
  }
  const body = JSON.parse(request.body) as JsonObject;
  const target = { model: "up", maxOutputTokens };
  return [
    { endpoint: "responses", text: nativeBody(body, { ...target, location: "local" }) },
    {
      endpoint: "chat.completions",
      text: chatBody(body, { ...target, maxTokensField: "max_completion_tokens" }),
    },
  ];
}

const promptFields = ["messages", "prompt", "input"] as const;

/**
 * Checks that no engine can make more of what is sent than was counted. Returns the path of the
 * field when the body was refused.
 */
function checkOutgoing(endpoint: Endpoint, fields: JsonObject): string | undefined {
  const model = endpoint === "embeddings" ? publicModel.embeddings : "chat-small";
  const asked = parseBody(Buffer.from(JSON.stringify({ model, ...fields })));
  let request: InferenceRequest;
  try {
    request = readRequest(endpoint, asked, (name) => {
      const route = routes.get(name);
      if (route === undefined) throw new BrokerError("model_not_found", "no", { param: "model" });
      return route;
    });
  } catch (error) {
    if (error instanceof BrokerError && error.param !== undefined) return error.param;
    throw error;
  }
  const isStream = request.response !== undefined || request.stream;
  for (const { endpoint: target, text } of outgoingBodies(endpoint, request)) {
    const sent = JSON.parse(text) as JsonObject;
    const keys = Object.keys(sent).map((key) => foldName(key));
    expect({ text, keys: new Set(keys).size }).toEqual({ text, keys: keys.length });
    for (const dialect of allDialects) {
      const obeyed = obeyedBody(dialect, target, sent);
      const context = {
        text,
        dialect,
        model: obeyed["model"],
        isStream: obeyed["stream"] === true,
      };
      expect(context).toEqual({ text, dialect, model: "up", isStream });
      expect({ ...context, most: tokensOf(target, obeyed) <= request.outputTokens }).toEqual({
        ...context,
        most: true,
      });
      if (target === endpoint)
        expect({ ...context, ...promptsOf(obeyed) }).toEqual({
          ...context,
          ...promptsOf(ownPrompt(endpoint, asked.fields)),
        });
      expect(request.input.textTokens).toBeGreaterThan(
        Buffer.byteLength(JSON.stringify(promptsOf(obeyed))),
      );
    }
  }
  return undefined;
}

const ownField = {
  "chat.completions": "messages",
  completions: "prompt",
  responses: "input",
  embeddings: "input",
} as const;

/** A prompt in another endpoint's field has no effect here, or the body was refused. */
function ownPrompt(endpoint: Endpoint, body: JsonObject): JsonObject {
  const field = ownField[endpoint];
  return { [field]: body[field] };
}

function promptsOf(body: JsonObject): JsonObject {
  return Object.fromEntries(promptFields.map((name) => [name, body[name] ?? null]));
}

/** The number is the most that an engine generates for a body that it has read in this way. */
function tokensOf(endpoint: Endpoint, obeyed: JsonObject): number {
  if (endpoint === "embeddings") return 0;
  const { prompt } = obeyed;
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== "number" ? prompt.length : 1;
  const cap = Number(obeyed["max_tokens"] ?? obeyed["max_output_tokens"] ?? Infinity);
  return cap * Math.max(1, Number(obeyed["best_of"] ?? 1)) * prompts;
}

const endpoints = Object.keys(soundBodies) as Endpoint[];

describe("of all pairs of endpoint, name, spelling and place", () => {
  test.each(endpoints)("nothing goes out that %s did not count", (endpoint) => {
    const sound: JsonObject = soundBodies[endpoint];
    let refused = 0;
    const check = (body: JsonObject, ...paths: readonly string[]): void => {
      const param = checkOutgoing(endpoint, body);
      if (param === undefined) return;
      refused += 1;
      expect(paths).toContain(param);
    };
    for (const name of names)
      for (const [index, spell] of spellings.entries()) {
        const field = spell(name);
        check({ ...sound, [field]: 90 }, field);
        check({ [field]: 90, ...sound }, field);
        const place = containers[(index + name.length) % containers.length] ?? "";
        check({ ...sound, [place]: { [field]: 90 } }, `${place}.${field}`);
        check({ ...sound, [spell(place)]: { [name]: 90 } }, `${spell(place)}.${name}`);
      }
    expect(refused).toBeGreaterThan(500);
  });
});

test("of random bodies neither", () => {
  fc.assert(
    fc.property(randomBody, ({ endpoint, body }) => {
      checkOutgoing(endpoint, body);
    }),
    { numRuns: Number(process.env["SPILLWAY_TEST_BODIES"] ?? 1_000) },
  );
});

/**
 * The schemas know these fields, and neither money nor routing rests on them; all others must be
 * governed.
 */
const free = new Set(
  words(`
    user temperature top_p presence_penalty frequency_penalty stop seed logit_bias
    response_format logprobs top_logprobs tool_choice suffix echo parallel_tool_calls
    dimensions instructions text reasoning include truncation
  `),
);

test("every field that a schema knows is governed or said to be free", () => {
  const governed = new Set<string>([...fieldNames.written, ...fieldNames.read]);
  const known = [chatSchema, completionSchema, embeddingSchema, responsesSchema].flatMap((schema) =>
    Object.keys(schema.shape),
  );
  expect(known.filter((name) => !governed.has(name) && !free.has(name))).toEqual([]);
  expect([...free].filter((name) => governed.has(name) || !known.includes(name))).toEqual([]);
});

test("of a name of megabytes only as much is read as a name can have", () => {
  expect(foldName("x".repeat(1_000_000))).toHaveLength(256);
  expect(governedField(`max_tokens${"\u200B".repeat(1_000_000)}`)?.name).toBe("max_tokens");
});
