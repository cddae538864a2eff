import { describe, expect, it } from "vitest";
import { newId } from "../../../../shared/contracts/new-id.ts";
import type { JsonObject } from "../../../../shared/json/json-object.ts";
import {
  failureEvent,
  finishedEvents,
  preludeEvents,
} from "../../../../shared/responses/finished-events.ts";
import {
  ownedItemId,
  responseOfItem,
  upstreamItemId,
} from "../../../../shared/responses/item-id.ts";
import {
  findReference,
  referencedResponses,
  resolveReferences,
} from "../../../../shared/responses/item-references.ts";
import { jobOfResponse, responseId } from "../../../../shared/responses/response-id.ts";
import { responseObject } from "../../../../shared/responses/response-object.ts";
import { nativeAnswer } from "../../workers/providers/openai/native-answer.ts";
import {
  eventsOf,
  context,
  readAll,
  readerOf,
  sdkResponse,
} from "../../workers/providers/responses/read-with-sdk.ts";

/** OpenAI's `Response` type requires these fields, or OpenAI's API always sends them. */
const fields = [
  "background",
  "completed_at",
  "created_at",
  "error",
  "id",
  "incomplete_details",
  "instructions",
  "max_output_tokens",
  "metadata",
  "model",
  "object",
  "output",
  "parallel_tool_calls",
  "previous_response_id",
  "reasoning",
  "service_tier",
  "status",
  "store",
  "temperature",
  "text",
  "tool_choice",
  "tools",
  "top_p",
  "truncation",
  "usage",
];

describe("a response object", () => {
  it.each(["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"] as const)(
    "has every field, %s too",
    (status) => {
      const response = responseObject({}, context, { status });
      expect(Object.keys(response)).toEqual(expect.arrayContaining(fields));
      expect(Object.values(response)).not.toContain(undefined);
      expect(response).toMatchObject({ status, output: [], error: null, usage: null });
    },
  );

  it("echoes the request, with OpenAI's defaults for what it left out or has as null", () => {
    const body = {
      input: "not echoed",
      instructions: "Be kind.",
      temperature: null,
      text: { verbosity: "low" },
      tools: [{ type: "function", name: "f" }],
      vendor: 1,
    };
    const response = responseObject(body, context, { status: "queued" });
    expect(response).toMatchObject({
      instructions: "Be kind.",
      temperature: 1,
      text: { format: { type: "text" }, verbosity: "low" },
      tools: [{ type: "function", name: "f" }],
      previous_response_id: null,
    });
    expect(response).not.toHaveProperty("input");
    expect(response).not.toHaveProperty("vendor");
  });

  it("says why it failed in one of OpenAI's codes", () => {
    const error = { code: "server_error", message: "No." } as const;
    expect(responseObject({}, context, { status: "failed", error })["error"]).toEqual(error);
  });
});

describe("ids", () => {
  it("of a response and its job lead to each other", () => {
    const job = newId("job");
    expect(responseId(job)).toMatch(/^resp_[0-9a-f]{32}$/);
    expect(jobOfResponse(responseId(job))).toBe(job);
  });

  it.each(["", "resp_", "resp_xyz", `resp_${"A".repeat(32)}`, `resp_${"a".repeat(33)}`, "job_1"])(
    "%j is no response's",
    (id) => {
      expect(jobOfResponse(id)).toBeUndefined();
    },
  );

  it("of an item name its response, and give the upstream's own back", () => {
    for (const own of ["msg_0", "rs_0199_r0", "fc-x\ny"]) {
      const id = ownedItemId(own, context.id);
      expect(responseOfItem(id)).toBe(context.id);
      expect(upstreamItemId(id)).toBe(own);
    }
    const foreign = "msg_67ccd3acc8d48190a77525dc6de64b41";
    expect(responseOfItem(foreign)).toBeUndefined();
    expect(upstreamItemId(foreign)).toBe(foreign);
  });
});

describe("references to items of earlier answers", () => {
  const id = ownedItemId("msg_0", context.id);
  const item = { id, type: "message" };
  const elsewhere = { type: "item_reference", id: ownedItemId("msg_1", responseId("job_x")) };
  const input = [{ role: "user", content: "x" }, { type: "item_reference", id }, elsewhere];

  it("are replaced by the items, as far as these are there", () => {
    expect(referencedResponses(input)).toEqual(new Set([context.id]));
    const resolved = resolveReferences(input, new Map([[context.id, [{ id: "x" }, item]]]));
    expect(resolved).toEqual([input[0], item, elsewhere]);
    expect(findReference(resolved)).toBe("input[2].id");
    expect(findReference(resolved.slice(0, 2))).toBeUndefined();
  });

  it("are in lists only", () => {
    expect([...referencedResponses("x"), findReference("x")]).toEqual([undefined]);
  });
});

describe("events of a response that was not streamed", () => {
  it("begin with created, queued and in progress, of a response that has nothing yet", () => {
    const done = responseObject({}, context, { status: "completed", completedAt: 1, output: [{}] });
    const events = eventsOf(preludeEvents(done).join(""));
    expect(events.map((event) => [event.type, event.sequence_number])).toEqual([
      ["response.created", 0],
      ["response.queued", 1],
      ["response.in_progress", 2],
    ]);
    expect(events.map((event) => (event["response"] as JsonObject)["status"])).toEqual([
      "queued",
      "queued",
      "in_progress",
    ]);
    expect(events[2]?.["response"]).toMatchObject({ output: [], completed_at: null });
  });

  it.each([
    ["text and reasoning", nativeAnswer.hello],
    ["function calls", nativeAnswer.twoCalls],
  ])("%s: come to the same response for the openai package", async (_what, wire) => {
    const { response } = readAll(readerOf("native"), wire);
    const events = finishedEvents(response ?? {});
    expect(eventsOf(events.join("")).map((event) => event.sequence_number)).toEqual(
      events.map((_event, index) => index + 3),
    );
    const seen = await sdkResponse(events.join(""));
    const streamed = await sdkResponse(
      (({ text, tail }) => `${text}${tail}`)(readAll(readerOf("native"), wire)),
    );
    expect(seen).toEqual(streamed);
  });

  it("of parts and items of any kind, each once", async () => {
    const output = [
      {
        id: "msg_1",
        type: "message",
        role: "assistant",
        status: "incomplete",
        content: [
          { type: "output_text", text: "", annotations: [] },
          { type: "later", x: 1 },
          { type: "refusal", refusal: "no" },
        ],
      },
      {
        id: "rs_1",
        type: "reasoning",
        summary: [],
        content: [{ type: "reasoning_text", text: "t" }],
      },
      { id: "ws_1", type: "web_search_call", status: "completed" },
    ];
    const response = responseObject({}, context, {
      status: "incomplete",
      incompleteReason: "content_filter",
      output,
    });
    const events = finishedEvents(response);
    expect(eventsOf(events.at(-1) ?? "")[0]?.type).toBe("response.incomplete");
    const seen = await sdkResponse(events.join(""));
    expect(seen.output).toMatchObject(output);
  });

  it.each([
    ["failed", "response.failed"],
    ["cancelled", "response.incomplete"],
  ] as const)("of one that was %s end so that the openai package ends", async (status, type) => {
    const text = failureEvent(responseObject({}, context, { status }), 3);
    expect(eventsOf(text)).toMatchObject([{ type, sequence_number: 3, response: { status } }]);
    expect((await sdkResponse(text)).status).toBe(status);
  });
});
