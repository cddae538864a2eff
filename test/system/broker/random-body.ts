import fc from "fast-check";
import { dialects } from "../../../cli/simulate/dialect.ts";
import { words } from "../../../config/request-fields.ts";
import type { Endpoint } from "../../../shared/contracts/endpoint.ts";
import type { JsonObject } from "../../../shared/json/json-object.ts";

/** Some engine, or OpenAI, takes a cap, a count, a model or a prompt by each of these names. */
export const names: readonly string[] = [
  ...new Set([
    ...words(`
      max_tokens max_completion_tokens max_output_tokens n best_of model
      messages prompt input stream use_beam_search
    `),
    ...Object.values(dialects).flatMap(({ caps, counts, models, prompts }) => [
      ...caps,
      ...counts,
      ...models,
      ...prompts,
    ]),
  ]),
];

/** Some engine looks for the names in these objects. */
export const containers: readonly string[] = [
  ...new Set(Object.values(dialects).flatMap((each) => each.containers)),
];

const capitals = (name: string) => name.toUpperCase();
const title = (name: string) =>
  name.replaceAll(/(^|_)(\w)/g, (_, gap: string, letter: string) => gap + letter.toUpperCase());
const camel = (name: string) =>
  name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const folded = (name: string) => name.replaceAll("s", "\u017F").replaceAll("k", "\u212A");

/** Some JSON reader takes each of these spellings for the name. */
export const spellings = [
  (name: string) => name,
  capitals,
  title,
  camel,
  folded,
  (name: string) => capitals(folded(name)),
  (name: string) => name.replaceAll("_", "-"),
  (name: string) => `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
] as const;

export const soundBodies = {
  "chat.completions": { messages: [{ role: "user", content: "Hi" }], max_tokens: 5 },
  completions: { prompt: "Hi", max_tokens: 5 },
  responses: { input: "Hi", max_output_tokens: 5, store: false },
  embeddings: { input: "Hi" },
} as const satisfies Readonly<Record<Endpoint, JsonObject>>;

const large = fc.constantFrom(2, 7, 40, 100, 3_000, 100_000);
const value = fc.oneof(
  { weight: 6, arbitrary: large },
  fc.constantFrom<unknown>(true, false, null, -1, 0, 1, "dear", "7", 2.5),
  fc.constant([{ role: "user", content: "OTHER ".repeat(50) }]),
  fc.constant(["a", "b", "c"]),
);
const spelled = fc
  .tuple(fc.constantFrom(...names), fc.constantFrom(...spellings))
  .map(([name, spell]) => spell(name));
const field = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(spelled, value) },
  fc
    .tuple(fc.constantFrom(...containers), fc.constantFrom(...spellings), spelled, value)
    .map(([name, spell, inner, it]): [string, unknown] => [spell(name), { [inner]: it }]),
  // Only engines know these fields, and no budget rests on them.
  fc.constantFrom<[string, unknown]>(["top_k", 4], ["ignore_eos", true], ["temperature", 2.5]),
);

/** The body is valid for its endpoint, with fields before or behind that some engine may obey. */
export const randomBody = fc
  .tuple(
    fc.constantFrom(...(Object.keys(soundBodies) as Endpoint[])),
    // Most bodies have one extra field, since the first refused field hides the effect of the
    // others.
    fc.oneof(
      { weight: 3, arbitrary: fc.tuple(field) },
      { weight: 1, arbitrary: fc.array(field, { maxLength: 4 }) },
    ),
    fc.boolean(),
  )
  .map(([endpoint, fields, isBehind]) => {
    const extra = Object.fromEntries(fields);
    const sound: JsonObject = soundBodies[endpoint];
    const body = isBehind ? { ...sound, ...extra } : { ...extra, ...sound };
    return { endpoint, body };
  });
