import { expect, test } from "vitest";
import { problemLines, refuse, soundText, withLine } from "./config-text.ts";

/** Each row has a changed valid text and the one problem that follows. */
const problemCases: readonly (readonly [title: string, text: string, problem: string])[] = [
  // Names, and references to names.
  [
    "an unknown key",
    withLine(5, "    slots: 16", "    colour: red"),
    "6:5 providers.gpu-a.colour: unknown key",
  ],
  ["an unknown key at the top", `gpus: {}\n${soundText}`, "1:1 gpus: unknown key"],
  [
    "an unknown key in a target",
    withLine(14, "    serve: [{ provider: gpu-a, model: llama, max_share: 1 }]"),
    "14:46 models.chat-small.serve[0].max_share: unknown key",
  ],
  [
    "a duplicate provider",
    withLine(
      7,
      "  gpu-a: { location: local, base_url: http://h, slots: 1, price: { input: 0, output: 0 } }",
      "  openai:",
    ),
    "7:3 providers.gpu-a: duplicate name, first in line 2",
  ],
  [
    "a duplicate model",
    `${soundText}  chat-small: { serve: [{ provider: gpu-a, model: m }] }\n`,
    "21:3 models.chat-small: duplicate name, first in line 13",
  ],
  [
    "a duplicate key",
    withLine(5, "    slots: 16", "    slots: 17"),
    "6:5 providers.gpu-a.slots: duplicate name, first in line 5",
  ],
  [
    "a route to a missing provider",
    withLine(16, "      - provider: azure"),
    "16:19 models.chat-small.overflow[0].provider: there is no provider azure",
  ],
  [
    "a route to a provider with a name of JavaScript's",
    withLine(16, "      - provider: constructor"),
    "16:19 models.chat-small.overflow[0].provider: there is no provider constructor",
  ],
  ["slots of 0", withLine(5, "    slots: 0"), "5:12 providers.gpu-a.slots: must be at least 1"],
  [
    "a target without a price anywhere",
    withLine(18, ""),
    "16:9 models.chat-small.overflow[0].price: is required, here or at provider openai",
  ],
  // Providers.
  [
    "negative slots",
    withLine(5, "    slots: -3"),
    "5:12 providers.gpu-a.slots: must be at least 1",
  ],
  [
    "fractional slots",
    withLine(5, "    slots: 1.5"),
    "5:12 providers.gpu-a.slots: must be a whole number",
  ],
  [
    "too many slots",
    withLine(5, "    slots: 10001"),
    "5:12 providers.gpu-a.slots: must be at most 10000",
  ],
  [
    "slots in quotes",
    withLine(5, '    slots: "4"'),
    "5:12 providers.gpu-a.slots: must be a number",
  ],
  ["missing slots", withLine(5, ""), "2:3 providers.gpu-a.slots: is required"],
  ["slots left empty", withLine(5, "    slots:"), "5:5 providers.gpu-a.slots: must be a number"],
  [
    "an unknown location",
    withLine(3, "    location: moon"),
    "3:15 providers.gpu-a.location: must be local or cloud",
  ],
  [
    "a local provider at a cloud API",
    withLine(4, "    base_url: https://eu.API.openai.com./v1"),
    "4:15 providers.gpu-a.base_url: eu.api.openai.com. is a cloud API, but the provider is marked local",
  ],
  [
    "a base URL that is none",
    withLine(4, "    base_url: 10.0.0.5:8000"),
    "4:15 providers.gpu-a.base_url: must be a URL such as http://10.0.0.5:8000/v1",
  ],
  [
    "a base URL of another scheme",
    withLine(4, "    base_url: ftp://h/v1"),
    "4:15 providers.gpu-a.base_url: must begin with http:// or https://",
  ],
  [
    "a base URL with a query",
    withLine(4, "    base_url: http://h/v1?"),
    "4:15 providers.gpu-a.base_url: must have no query or fragment",
  ],
  [
    "a negative price",
    withLine(6, "    price: { input: -1, output: 0 }"),
    "6:21 providers.gpu-a.price.input: must be at least 0",
  ],
  [
    "an infinite price",
    withLine(6, "    price: { input: .inf, output: 0 }"),
    "6:21 providers.gpu-a.price.input: must be a number",
  ],
  [
    "a price finer than a nano-dollar",
    withLine(6, "    price: { input: 0.0000000001, output: 0 }"),
    "6:21 providers.gpu-a.price.input: must have at most 9 decimals",
  ],
  [
    "half a price",
    withLine(6, "    price: { input: 1 }"),
    "6:5 providers.gpu-a.price.output: is required",
  ],
  [
    "a timeout without its unit",
    withLine(6, "    price: { input: 0, output: 0 }", "    timeouts: { idle: 60 }"),
    "7:23 providers.gpu-a.timeouts.idle: must be a duration with its unit, such as 500ms, 2s, 5m, 1h or 30d",
  ],
  [
    "a timeout with another unit",
    withLine(6, "    price: { input: 0, output: 0 }", "    timeouts: { idle: 1w }"),
    "7:23 providers.gpu-a.timeouts.idle: must be a duration with its unit, such as 500ms, 2s, 5m, 1h or 30d",
  ],
  [
    "a timeout of nothing",
    withLine(6, "    price: { input: 0, output: 0 }", "    timeouts: { connect: 0s }"),
    "7:26 providers.gpu-a.timeouts.connect: must be between 1ms and 1h",
  ],
  [
    "a key with a space",
    withLine(10, "    api_key: a b"),
    "10:14 providers.openai.api_key: must be printable ASCII without spaces",
  ],
  [
    "a provider's name with a colon",
    withLine(
      2,
      "  gpu-a: &gpu",
      "    location: local",
      "    base_url: http://h/v1",
      "    slots: 1",
      "    price: { input: 0, output: 0 }",
      '  "gpu:b": *gpu',
      "  gpu-c:",
    ),
    `7:3 providers["gpu:b"]: a provider's name has 1 to 64 letters, digits, dots, underscores or hyphens, and begins with a letter or digit`,
  ],
  // Models.
  [
    "a model's name with a space",
    withLine(13, "  chat small:"),
    `13:3 models["chat small"]: a model's name has 1 to 128 letters, digits or . _ : / -, and begins with a letter or digit`,
  ],
  [
    "the name __proto__",
    withLine(20, "  __proto__: {}"),
    "20:3 models.__proto__: this name is not allowed",
  ],
  [
    "an empty serve list",
    withLine(14, "    serve: []"),
    "14:5 models.chat-small.serve: must not be empty",
  ],
  ["no serve list", withLine(14, ""), "13:3 models.chat-small.serve: is required"],
  [
    "the same target twice",
    withLine(14, "    serve: [{ provider: gpu-a, model: m }, { provider: gpu-a, model: m }]"),
    "14:44 models.chat-small.serve[1]: the same provider and model as serve[0]",
  ],
  [
    "an overflow target that also serves",
    withLine(
      14,
      "    serve: [{ provider: openai, model: gpt-4o-mini, price: { input: 1, output: 1 } }]",
    ),
    "16:9 models.chat-small.overflow[0]: the same provider and model as serve[0]",
  ],
  [
    "an output cap above the context",
    withLine(17, "        model: m", "        context_length: 4095"),
    "21:24 models.chat-small.max_output_tokens: 4096 is more than the context_length 4095 of overflow[0]",
  ],
  [
    "too many attempts",
    withLine(20, "    max_attempts: 11"),
    "20:19 models.chat-small.max_attempts: must be at most 10",
  ],
  [
    "an unknown word for no_capacity",
    withLine(20, "    no_capacity: maybe"),
    "20:18 models.chat-small.no_capacity: must be wait or reject",
  ],
  [
    "a wait without its unit",
    withLine(19, "    overflow_when: { waited: 5 }"),
    "19:30 models.chat-small.overflow_when.waited: must be a duration with its unit, such as 500ms, 2s, 5m, 1h or 30d, or never",
  ],
  [
    "a default for a governed field",
    withLine(20, "    defaults: { max_tokens: 5 }"),
    "20:29 models.chat-small.defaults.max_tokens: cannot have a default",
  ],
  [
    "a default for one of its other names",
    withLine(20, "    defaults: { n_predict: 5 }"),
    "20:28 models.chat-small.defaults.n_predict: cannot have a default",
  ],
  [
    "a default in another case",
    withLine(20, "    defaults: { Messages: [] }"),
    "20:17 models.chat-small.defaults.Messages: cannot have a default",
  ],
  [
    "a default that hides one inside",
    withLine(20, "    defaults: { options: { num_predict: 5 } }"),
    "20:17 models.chat-small.defaults.options: cannot have a default",
  ],
  [
    "a default that JSON cannot hold",
    withLine(20, "    defaults: { temperature: .nan }"),
    "20:30 models.chat-small.defaults.temperature: must be a JSON value",
  ],
  // Server.
  [
    "a size without its unit",
    `server: { body_limit: 10 }\n${soundText}`,
    "1:23 server.body_limit: must be a size with its unit, such as 512KiB, 10MB or 10MiB",
  ],
  [
    "a sync wait over the limit",
    `server: { sync_wait: 291s }\n${soundText}`,
    "1:22 server.sync_wait: must be between 1ms and 290s",
  ],
  // The file as a whole.
  ["an empty file", "", "1:1 : must be a mapping"],
  [
    "a file without models",
    soundText.split("\n").slice(0, 11).join("\n"),
    "1:1 models: is required",
  ],
  [
    "no model at all",
    `${soundText.split("\n").slice(0, 11).join("\n")}\nmodels: {}`,
    "12:1 models: must not be empty",
  ],
];

test.each(problemCases)("refuses %s, with line and field", (_, text, problem) => {
  expect(problemLines(refuse(text))).toEqual([problem]);
});
