import { z } from "zod";
import { baseUrl } from "./base-url.ts";
import { engineNames } from "./engine-name.ts";
import { network } from "./network.ts";
import { byteSize, duration, durationOrNever } from "./quantity.ts";
import { refuseBadDefaults } from "./refuse-bad-defaults.ts";

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
      .describe(
        "Where it stands: `local` is a machine of yours. Jobs with residency `local` go nowhere else.",
      ),
    base_url: baseUrl.describe(
      "The address of the OpenAI-compatible API, with its version path, such as `http://10.0.0.5:8000/v1`.",
    ),
    api_key: z
      .string()
      .regex(/^[\x21-\x7e]*$/, "must be printable ASCII without spaces")
      .nullable()
      .optional()
      .transform((key) => (key === "" || key === null ? undefined : key))
      .describe(
        "The key that is sent as the bearer token. Write `${NAME}` to take it from the environment.",
      ),
    engine: z
      .enum(engineNames)
      .optional()
      .describe(
        "The program that serves there, so that its habits are known. The broker finds out by itself when it is left out. `openai` means nothing but the OpenAI API.",
      ),
    slots: z
      .int()
      .min(1)
      .max(10_000)
      .describe(
        "The most requests in flight at this provider, over all workers. At an engine of yours each of `n` choices, listed prompts and inputs takes one slot.",
      ),
    price: price
      .optional()
      .describe(
        "The price of targets that have none of their own. Every target needs one; 0 is fine.",
      ),
    timeouts: z
      .strictObject({
        connect: duration({ min: "1ms", max: "1h" })
          .prefault("2s")
          .describe("The time until the connection stands."),
        first_byte: duration({ min: "1ms", max: "24h" })
          .prefault("120s")
          .describe(
            "The time until the first event of the answer, or its first byte where it comes in one piece. Comments do not count.",
          ),
        idle: duration({ min: "1ms", max: "24h" })
          .prefault("60s")
          .describe(
            "The longest silence between two events or pieces of an answer. Comments do not count.",
          ),
      })
      .prefault({})
      .describe("How long a call may take. Each value has its unit: `500ms`, `2s`, `5m`, `1h`."),
    responses: z
      .enum(["native", "translate", "auto"])
      .prefault("auto")
      .describe(
        "How this upstream serves `/v1/responses`. `native`: by itself, but for tools and items that its engine is known to ignore in silence. `translate`: through chat completions. `auto`: by itself where its engine does that as well as the translation (OpenAI, vLLM, unknown ones), until it answers 404.",
      ),
    stream_upstream: z
      .boolean()
      .prefault(true)
      .describe(
        "Ask for chat completions and completions as streams, also where the caller waits for a whole answer, which the broker then puts together. Set `false` for an upstream that cannot stream.",
      ),
    reasoning_field: z
      .enum(["reasoning_content", "reasoning", "none"])
      .optional()
      .describe(
        "The field of an assistant's message that takes back what the model thought before it called tools, when a response is asked for through chat completions. When it is left out, local engines get both names, clouds get `reasoning_content`, and those that refuse unknown fields (OpenAI, Azure, Mistral, Groq) get `none`.",
      ),
    max_tokens_field: z
      .enum(["max_tokens", "max_completion_tokens"])
      .optional()
      .describe(
        "The field in which this upstream takes the output cap of a chat completion. When it is left out, local providers get `max_tokens` and clouds `max_completion_tokens`.",
      ),
  })
  .describe("One upstream endpoint. It has a queue of its own, under this name.");

/** A provider and its own name for the model, as written in the file. */
export const targetSchema = z
  .strictObject({
    provider: providerName.describe("A name from `providers`."),
    model: z.string().min(1).max(512).describe("The model name that this provider knows."),
    price: price.optional().describe("The price of this target; it wins over the provider's."),
    context_length: z
      .int()
      .min(1)
      .max(MAX_TOKENS)
      .optional()
      .describe(
        "The most tokens that prompt and answer may have together at this target. Keys with a budget need it to send images, audio or files, unless the price is 0.",
      ),
  })
  .describe("Where jobs may go.");

/** A public model and its targets, as written in the file. */
export const modelSchema = z
  .strictObject({
    kind: z
      .enum(["chat", "completion", "embedding"])
      .optional()
      .describe(
        "What the model does. When it is left out, a name with `embed` in it means `embedding`, every other `chat`.",
      ),
    serve: z
      .array(targetSchema)
      .min(1)
      .describe("The targets of the first choice. Jobs are spread over them."),
    overflow: z
      .array(targetSchema)
      .prefault([])
      .describe(
        "The targets of the next choice, for jobs that the `serve` targets failed or kept waiting.",
      ),
    overflow_when: z
      .strictObject({
        waited: durationOrNever({ min: "0ms", max: "24h" })
          .prefault("5s")
          .describe(
            "How long a job waits before it overflows, in the queue and inside an engine; `never` means that waiting is no reason.",
          ),
        failed: z
          .boolean()
          .prefault(true)
          .describe("Whether a job overflows when the `serve` targets failed it."),
      })
      .prefault({})
      .describe("When a job may go to the `overflow` targets."),
    no_capacity: z
      .enum(["wait", "reject"])
      .prefault("wait")
      .describe(
        "What a job does while no target is up: wait until its deadline, or end with 503 at once.",
      ),
    max_output_tokens: z
      .int()
      .min(1)
      .max(MAX_TOKENS)
      .optional()
      .describe(
        "The largest output cap of a request, and the cap of a request that names none. It is 4096 when it is left out; then a request without a cap gets none where generated tokens cost nothing and the engine stops at its context by itself.",
      ),
    truncation: z
      .enum(["refuse", "allow"])
      .prefault("refuse")
      .describe(
        "What happens to a prompt that the engine would cut without a word (Ollama). `refuse`: it goes to a target with more room, or is an error. `allow`: it is sent, and `x-spillway-warning` says that it may be cut.",
      ),
    output_cap: z
      .enum(["lower", "refuse"])
      .prefault("lower")
      .describe(
        "What happens to a request that asks for more than `max_output_tokens`. `lower`: its cap is lowered, and `x-spillway-max-output-tokens` says so. `refuse`: it is a 400.",
      ),
    max_attempts: z
      .int()
      .min(1)
      .max(10)
      .prefault(3)
      .describe("The most calls that one job may cost, over all targets."),
    defaults: z
      .record(z.string(), z.unknown())
      .prefault({})
      .superRefine(refuseBadDefaults)
      .describe("Request fields that are filled in when the caller leaves them out."),
  })
  .describe("A model name that applications send, and where its jobs may go.");

/** The configuration file, as written. Checks, defaults and the editors' schema come from here. */
export const configFileSchema = z.strictObject({
  server: z
    .strictObject({
      body_limit: byteSize({ min: "1KiB", max: "128MiB" })
        .prefault("10MiB")
        .describe(
          "The largest request body, also of a line of a batch, such as `512KiB` or `10MiB`.",
        ),
      queue_limit: byteSize({ min: "1MiB", max: "1024GiB" })
        .prefault("256MiB")
        .describe(
          "How many bytes of request bodies may wait or run at once, over all API processes. More are refused with 429.",
        ),
      sync_wait: duration({ min: "1ms", max: "290s" })
        .prefault("240s")
        .describe("The longest that a caller without a stream waits on its connection."),
      deadline: duration({ min: "1ms", max: "168h" })
        .prefault("600s")
        .describe("The deadline of a job whose caller waits, when the request sets none."),
      async_deadline: duration({ min: "1s", max: "30d" })
        .prefault("24h")
        .describe(
          "The deadline of a job whose caller does not wait on the connection, when the request sets none.",
        ),
      attach_retries: z
        .boolean()
        .prefault(false)
        .describe(
          "Let an SDK's automatic retry join the job of its lost connection instead of running it again. Such requests are stored like accepted jobs, for as long.",
        ),
      cors_origins: z
        .array(corsOrigin)
        .prefault(["*"])
        .describe(
          "The origins of web pages whose scripts may call the API (CORS), such as `https://chat.example.com`. `*` means all of them, an empty list none. No key is sent by itself, so `*` is safe.",
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
          "Networks in CIDR notation that webhooks and media links may reach although they are internal, such as `10.1.0.0/16`. Plain http works inside them only.",
        ),
    })
    .prefault({})
    .describe("Signed calls to the addresses that holders of keys register."),
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
