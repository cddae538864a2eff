import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { words } from "../../../config/request-fields.ts";
import { startReportRig, type ReportRig } from "./report-rig.ts";
import { errorAnswer, wholeAnswer } from "./scripted-upstream.ts";

let rig: ReportRig;
beforeAll(async () => {
  rig = await startReportRig();
});
afterAll(() => rig.stop());

const messages = [{ role: "user", content: "hello" }];

/**
 * Returns the answer with the body that was sent to the upstream; it is undefined when the broker
 * refused the request.
 */
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

/**
 * These names come from the request types of engines and gateways; once, all of them were let
 * through.
 */
describe("further names of caps, counts, models, machines and prompts (K1)", () => {
  test.each<[string, readonly string[]]>([
    [
      "an output cap",
      words(`
        auto_max_new_tokens max_decode_steps maxDecodeSteps genamt gen_len generate_len genLength
        response_tokens reply_length length_limit samples_per_prompt completionsPerPrompt tokens
      `),
    ],
    [
      "a model or adapter",
      words(`
        draft_model safety_model model_uid model_slug hf_model_name preset agent_id user_config
        lora_scale loras adapter_name adapter_weights deployment_name engine_id compound_custom
      `),
    ],
    [
      "a machine, region or price",
      words(`
        backend backend_instance_id disaggregated_params migration_request inference_geo
        region_name aws_region_name allowed_model_region speed performanceConfig providers
        router ttl num_gpu organization
      `),
    ],
    [
      "a prompt, or what is left of the request",
      words(`
        token_data previous_input_messages prompt_id prompt_variables cached_content
        cachedContent instruction_template_str chat_template_str prompt_template character
        additional_drop_params drop_params headers webhook deferred
      `),
    ],
  ])("%s", async (_name, fields) => {
    for (const field of fields) {
      const { body, status, json } = await sent("/chat/completions", {
        model: "m",
        messages,
        max_tokens: 5,
        [field]: field.startsWith("auto") ? true : 100_000,
      });
      expect({ field, body, status, param: json["error"]?.["param"] }).toEqual({
        field,
        status: 400,
        param: field,
      });
    }
  });

  test("what is governed beside the messages is so in any object", async () => {
    const places = words(`
      nvext vllm_xargs litellm_params generate_cfg gen_config textGenerationConfig settings
      hyperparameters google compound decoding_params template_vars experimental payload
    `);
    for (const place of places)
      for (const field of ["model", "max_tokens", "n", "lora_path", "token_data"]) {
        const { body, status, json } = await sent("/chat/completions", {
          model: "m",
          messages,
          [place]: { [field]: 99 },
        });
        expect({ body, status, param: json["error"]?.["param"] }).toEqual({
          status: 400,
          param: `${place}.${field}`,
        });
      }
  });

  test("what engines alone know goes on", async () => {
    const own = {
      nvext: { ignore_eos: true, greed_sampling: true },
      mm_processor_kwargs: { fps: 2, size: { longest_edge: 512 } },
      media_io_kwargs: { video: { num_frames: 8 } },
      thinking_token_budget: 64,
      chat_template_kwargs: { enable_thinking: false, model_identity: "heron" },
      documents: [{ title: "a", model: "b" }],
      function_call: "none",
      functions: [{ name: "f", parameters: { properties: { model: {}, n: {} } } }],
      safety_settings: [{ category: "a", threshold: "b" }],
      reasoning: { effort: "low" },
    };
    const { body, status } = await sent("/chat/completions", { model: "m", messages, ...own });
    expect(status).toBe(200);
    expect(body).toMatchObject(own);
  });

  test("searches of the upstream are no part of a budget", async () => {
    const { key } = await rig.broker.key({ budget: { limit_usd: 1, period: "total" } });
    for (const fields of [
      { web_search_options: {} },
      { search_parameters: { mode: "on" } },
      { enable_search: true },
      { web_search: { enable: true } },
      { search_settings: { include_domains: [] } },
      { data_sources: [{ type: "azure_search" }] },
      { mcp_servers: [{ url: "https://mcp.example" }] },
    ]) {
      rig.cloud.play(() => wholeAnswer());
      const body = { model: "vm", messages, max_tokens: 5, ...fields };
      const [param] = Object.keys(fields);
      const refused = await rig.post("/chat/completions", body, { key });
      expect({ status: refused.status, param: refused.json["error"]?.["param"] }).toEqual({
        status: 400,
        param,
      });
      expect((await rig.post("/chat/completions", body)).status).toBe(200);
    }
  });
});

describe("the broker's own cap (K5)", () => {
  test("A10 a prompt that fits without a cap fits", async () => {
    rig.one.play(({ body }) => {
      const cap = body["max_tokens"];
      return cap === undefined || Number(cap) <= 2192
        ? wholeAnswer()
        : errorAnswer(400, {
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
