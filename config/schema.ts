import { z } from "zod";
import { baseUrl } from "./base-url.ts";
import { engineNames } from "./engine-name.ts";
import { findNested } from "./nested-fields.ts";
import { network } from "./network.ts";
import { byteSize, duration, durationOrNever } from "./quantity.ts";
import { governedField } from "./request-fields.ts";

/** The most tokens that a context or an answer may be configured to have. */
const MAX_TOKENS = 10_000_000;

const usdPerMillion = z
  .number()
  .min(0)
  .max(1_000_000)
  .refine((usd) => Number(usd.toFixed(9)) === usd, "must have at most 9 decimals");

const price = z
  .strictObject({
    input: usdPerMillion.describe("USD per 1M input tokens."),
    output: usdPerMillion.describe("USD per 1M output tokens."),
  })
  .describe("USD per 1M tokens.");

/** A provider's name is also its queue's name, where BullMQ allows no colon. */
const providerName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    "a provider's name has 1 to 64 letters, digits, dots, underscores or hyphens, and begins with a letter or digit",
  );

const modelName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/,
    "a model's name has 1 to 128 letters, digits or . _ : / -, and begins with a letter or digit",
  );

const corsOrigin = z
  .string()
  .regex(
    /^(?:\*|[a-z][a-z0-9+.-]*:\/\/[a-z0-9.[\]:_-]+)$/,
    "an origin is * or a scheme and a host in lower case, with its port unless it is the scheme's own, and no path",
  );

/** One upstream endpoint, as written in the file. */
export const providerSchema = z
  .strictObject({
    location: z
      .enum(["local", "cloud"])
      .describe("`local` for your own machines; jobs with residency `local` go nowhere else."),
    base_url: baseUrl.describe("Address of the OpenAI-compatible API, with its version path."),
    api_key: z
      .string()
      .regex(/^[\x21-\x7e]*$/, "must be printable ASCII without spaces")
      .nullable()
      .optional()
      .transform((key) => (key === "" || key === null ? undefined : key))
      .describe("Sent as the bearer token. Best given as `${NAME}` from the environment."),
    engine: z
      .enum(engineNames)
      .optional()
      .describe(
        "What serves there, so that its habits are known. Without it the broker finds out by itself; `openai`: nothing but the OpenAI API.",
      ),
    slots: z
      .int()
      .min(1)
      .max(10_000)
      .describe("Requests in flight at this provider, over the whole fleet."),
    price: price
      .optional()
      .describe("USD per 1M tokens, for targets without a price of their own."),
    timeouts: z
      .strictObject({
        connect: duration({ min: "1ms", max: "1h" })
          .prefault("2s")
          .describe("Until the connection stands."),
        first_byte: duration({ min: "1ms", max: "24h" })
          .prefault("120s")
          .describe(
            "Until the first event of the answer, or its first byte where it comes whole. Comments do not count.",
          ),
        idle: duration({ min: "1ms", max: "24h" })
          .prefault("60s")
          .describe(
            "The longest silence between two events or pieces of an answer. Comments do not count.",
          ),
      })
      .prefault({})
      .describe("How long a call may take, each with its unit: `500ms`, `2s`, `5m`, `1h`."),
    responses: z
      .enum(["native", "translate", "auto"])
      .prefault("auto")
      .describe(
        "How this upstream serves `/v1/responses`: itself (but for tools and items that its engine is known to pass over in silence), through chat completions, or `auto`: itself where its engine does it well (OpenAI, vLLM, unknown ones) until it answers 404.",
      ),
    stream_upstream: z
      .boolean()
      .prefault(true)
      .describe(
        "Ask for chat completions and completions as streams, also where the caller waits for a whole answer, which is then put together here. `false`: for upstreams that cannot stream.",
      ),
    reasoning_field: z
      .enum(["reasoning_content", "reasoning", "none"])
      .optional()
      .describe(
        "Where an assistant's message takes back what the model thought before it called tools, when a response is asked for through chat completions. Left out: local engines get both names, clouds `reasoning_content`, and those that refuse unknown fields (OpenAI, Azure, Mistral, Groq) `none`.",
      ),
    max_tokens_field: z
      .enum(["max_tokens", "max_completion_tokens"])
      .optional()
      .describe(
        "Where this upstream takes the output cap of a chat completion. Local providers: `max_tokens`; cloud: `max_completion_tokens`.",
      ),
  })
  .describe("One upstream endpoint with its own queue.");

/** A provider and its own name for the model, as written in the file. */
export const targetSchema = z
  .strictObject({
    provider: providerName.describe("A name from `providers`."),
    model: z.string().min(1).max(512).describe("The model name that this provider knows."),
    price: price.optional().describe("USD per 1M tokens; wins over the provider's price."),
    context_length: z
      .int()
      .min(1)
      .max(MAX_TOKENS)
      .optional()
      .describe("Tokens that prompt and answer may have together at this target."),
  })
  .describe("Where jobs may go.");

/** A public model and its targets, as written in the file. */
export const modelSchema = z
  .strictObject({
    kind: z
      .enum(["chat", "completion", "embedding"])
      .optional()
      .describe(
        "What the model does. Without it: `embedding` for names with `embed`, else `chat`.",
      ),
    serve: z.array(targetSchema).min(1).describe("First choice; jobs are spread over them."),
    overflow: z
      .array(targetSchema)
      .prefault([])
      .describe("Next choice, when the `serve` targets failed or kept the job waiting."),
    overflow_when: z
      .strictObject({
        waited: durationOrNever({ min: "0ms", max: "24h" })
          .prefault("5s")
          .describe("Overflow after so long a wait before dialling; `never`: not for waiting."),
        failed: z
          .boolean()
          .prefault(true)
          .describe("Overflow when the `serve` targets failed the job."),
      })
      .prefault({})
      .describe("When a job may go to the `overflow` targets."),
    no_capacity: z
      .enum(["wait", "reject"])
      .prefault("wait")
      .describe("With no target up: wait until the job's deadline, or answer 503 at once."),
    max_output_tokens: z
      .int()
      .min(1)
      .max(MAX_TOKENS)
      .optional()
      .describe(
        "Largest output cap of a request, and the cap when it names none; 4096 when it is left out. Then a request without a cap gets none where generated tokens cost nothing and the engine stops at its context by itself.",
      ),
    truncation: z
      .enum(["refuse", "allow"])
      .prefault("refuse")
      .describe(
        "A prompt of which the engine would answer only a part, without a word (Ollama): a target with more room or an error, or let it be.",
      ),
    output_cap: z
      .enum(["lower", "refuse"])
      .prefault("lower")
      .describe(
        "A request that asks for more than `max_output_tokens`: lower its cap and say so in `x-spillway-max-output-tokens`, or refuse it with 400.",
      ),
    max_attempts: z
      .int()
      .min(1)
      .max(10)
      .prefault(3)
      .describe("Calls that one job may cost, over all targets."),
    defaults: z
      .record(z.string(), z.unknown())
      .prefault({})
      .superRefine(refuseBadDefaults)
      .describe("Request fields filled in when the caller leaves them out."),
  })
  .describe("A model name that clients send, and where its jobs may go.");

/** The configuration file, as written. Checks, defaults and the editors' schema come from here. */
export const configFileSchema = z.strictObject({
  server: z
    .strictObject({
      body_limit: byteSize({ min: "1KiB", max: "128MiB" })
        .prefault("10MiB")
        .describe("Largest request body, such as `512KiB` or `10MiB`."),
      queue_limit: byteSize({ min: "1MiB", max: "1024GiB" })
        .prefault("256MiB")
        .describe(
          "Request bodies that may wait or run at once, over all API processes; more are refused with 429.",
        ),
      sync_wait: duration({ min: "1ms", max: "290s" })
        .prefault("240s")
        .describe("The longest that a caller without a stream waits on its connection."),
      deadline: duration({ min: "1ms", max: "168h" })
        .prefault("600s")
        .describe("A job's deadline when neither request nor key sets one."),
      async_deadline: duration({ min: "1s", max: "30d" })
        .prefault("24h")
        .describe("The same for jobs whose caller does not wait on the connection."),
      attach_retries: z
        .boolean()
        .prefault(false)
        .describe(
          "Let an SDK's automatic retry join the job of its lost connection instead of running again. Such requests are stored like accepted jobs.",
        ),
      cors_origins: z
        .array(corsOrigin)
        .prefault(["*"])
        .describe(
          "Origins of web pages whose scripts may call the API, such as `https://chat.example.com`; `*` for all, an empty list for none.",
        ),
    })
    .prefault({})
    .describe("Limits of the API."),
  retention: z
    .strictObject({
      results: duration({ min: "1m", max: "365d" })
        .prefault("30d")
        .describe("How long results of accepted jobs are kept after their end."),
    })
    .prefault({})
    .describe("How long what is stored is kept."),
  webhooks: z
    .strictObject({
      allow_networks: z
        .array(network)
        .prefault([])
        .describe(
          "Networks in CIDR notation that webhooks and media links may reach although they are internal, such as `10.1.0.0/16`; plain http is allowed inside them only.",
        ),
    })
    .prefault({})
    .describe("Signed calls to the addresses that key holders register."),
  providers: z
    .record(providerName, providerSchema)
    .meta({ minProperties: 1 })
    .describe("Upstream endpoints by name."),
  models: z
    .record(modelName, modelSchema)
    .meta({ minProperties: 1 })
    .describe("Public model names and their routes."),
});

/** The configuration file after the schema: names as in the file, units resolved. */
export type ConfigFile = z.output<typeof configFileSchema>;

const jsonValue = z.json();

function refuseBadDefaults(fields: Record<string, unknown>, context: z.RefinementCtx): void {
  for (const [name, value] of Object.entries(fields)) {
    if (!mayHaveDefault(name, value))
      context.addIssue({ code: "custom", path: [name], message: "cannot have a default" });
    else if (!jsonValue.safeParse(value).success)
      context.addIssue({ code: "custom", path: [name], message: "must be a JSON value" });
  }
}

/**
 * A default must not silently change what routing and billing depend on, under any name or inside
 * another field.
 */
function mayHaveDefault(name: string, value: unknown): boolean {
  const field = governedField(name);
  if (field === undefined) {
    const nested = findNested(name, value);
    return nested === undefined || nested.field.rule === "operator";
  }
  return field.rule === "operator" || (field.rule === "read" && field.name === name);
}
