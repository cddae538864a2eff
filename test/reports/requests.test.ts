import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startReportRig, type ReportRig } from "./report-rig.ts";
import { refusal, wholeAnswer } from "./scripted-upstream.ts";

let rig: ReportRig;
beforeAll(async () => {
  rig = await startReportRig();
});
afterAll(() => rig.stop());

const messages = [{ role: "user", content: "hello" }];

/** Sends it and returns the body that went out; undefined when the broker refused it. */
async function sent(path: string, body: object) {
  rig.one.play(() => wholeAnswer());
  rig.cloud.play(() => wholeAnswer());
  const posted = await rig.post(path, body);
  const [call] = [...rig.one.calls, ...rig.cloud.calls];
  return { ...posted, body: call?.body };
}

describe("fields that undo the broker's own (K1)", () => {
  test.each(["max_tokens", "max_completion_tokens", "n", "n_predict", "Max_Tokens", "best_of"])(
    "A1, A32 %s in a response",
    async (field) => {
      for (const model of ["m", "vm"]) {
        const { body, status, json } = await sent("/responses", {
          model,
          input: "x",
          max_output_tokens: 5,
          [field]: 100_000,
        });
        if (body === undefined) {
          expect(status).toBe(400);
          expect(json["error"]).toMatchObject({ param: field });
        } else expect(JSON.stringify(body)).not.toContain("100000");
      }
    },
  );

  test.each(["messages", "Messages", "prompt"])("A2 %s in a response", async (field) => {
    const { body, status } = await sent("/responses", {
      model: "m",
      input: "x",
      [field]: [{ role: "user", content: "OTHER" }],
    });
    if (body === undefined) expect(status).toBe(400);
    else {
      expect(JSON.stringify(body)).not.toContain("OTHER");
      expect(JSON.stringify(body)).toContain('"x"');
    }
  });

  test.each([
    "n_predict",
    "N_Predict",
    "num_predict",
    "max_new_tokens",
    "max_length",
    "MAX_TOKENS",
    "Max_Completion_Tokens",
    "max_output_tokens",
    "maxTokens",
    "maxOutputTokens",
    "min_tokens",
    "max_toKens",
  ])("A3 %s in a chat", async (field) => {
    const { body, status } = await sent("/chat/completions", {
      model: "m",
      messages,
      max_tokens: 5,
      [field]: 100_000,
    });
    if (body === undefined) expect(status).toBe(400);
    else expect(JSON.stringify(body)).not.toContain("100000");
  });

  test.each(["options", "parameters", "extra_body", "sampling_params", "Options"])(
    "caps inside %s",
    async (field) => {
      const { body, status } = await sent("/chat/completions", {
        model: "m",
        messages,
        max_tokens: 5,
        [field]: { num_predict: 100_000, max_new_tokens: 100_000, max_tokens: 100_000 },
      });
      if (body === undefined) expect(status).toBe(400);
      else expect(JSON.stringify(body)).not.toContain("100000");
    },
  );

  test.each(["Model", "MODEL", "Messages", "Stream", "N", "Stream_Options"])(
    "%s in another case",
    async (field) => {
      const { body, status } = await sent("/chat/completions", {
        model: "m",
        messages,
        [field]: field === "Messages" ? [{ role: "user", content: "OTHER" }] : 17,
      });
      if (body === undefined) expect(status).toBe(400);
      else expect(Object.keys(body)).not.toContain(field);
    },
  );
});

describe("the broker's own cap (K5)", () => {
  test("A10 a prompt that fits without a cap fits", async () => {
    rig.one.play(({ body }) => {
      const cap = body["max_tokens"];
      return cap === undefined || Number(cap) <= 2192
        ? wholeAnswer()
        : refusal(400, {
            error: {
              message: `${JSON.stringify(cap)} output tokens do not fit: context 8192, input 6000`,
              type: "BadRequestError",
              param: "max_tokens",
              code: 400,
            },
          });
    });
    const { status, job } = await rig.post("/chat/completions", { model: "m", messages });
    expect(status).toBe(200);
    expect((await rig.ledger(job)).length).toBe(rig.one.calls.length);
  });
});

describe("what the broker consumed (K14)", () => {
  test("A27 metadata stays here", async () => {
    const { body } = await sent("/chat/completions", {
      model: "vm",
      messages,
      metadata: { order: "17" },
    });
    expect(body).not.toHaveProperty("metadata");
  });
});

describe("no stricter than the engines (K16)", () => {
  test.each<[string, object]>([
    ["A29 max_tokens -1", { max_tokens: -1 }],
    ["A30 both caps with one value", { max_tokens: 7, max_completion_tokens: 7 }],
    [
      "A45 150 tools",
      {
        tools: Array.from({ length: 150 }, (_, index) => ({
          type: "function",
          function: { name: `f${index}`, parameters: { type: "object" } },
        })),
      },
    ],
    ["A45 temperature 2.5", { temperature: 2.5 }],
    ["A45 20 stops", { stop: Array.from({ length: 20 }, (_, index) => `s${index}`) }],
    ["A45 a list of biases", { logit_bias: [[1, 2]] }],
    ["A45 another tier", { service_tier: "scale" }],
    ["an agent's large cap", { max_tokens: 32_000 }],
    ["a penalty of 3", { presence_penalty: 3 }],
    ["top_p 1.5", { top_p: 1.5 }],
  ])("%s", async (_name, fields) => {
    const { status } = await sent("/chat/completions", { model: "m", messages, ...fields });
    expect(status).toBe(200);
  });
});
