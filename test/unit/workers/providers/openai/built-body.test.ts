import { expect, test } from "vitest";
import { builtBody } from "../../../../../workers/providers/openai/built-body.ts";

const old = (body: string) => builtBody({ endpoint: "chat.completions", body });

test("a body of an earlier version goes out without what is refused now, its numbers as written", () => {
  const body =
    '{"messages":[],"stream":false,"n_predict":9,"MAX_TOKENS":9,"seed":9223372036854775807,"options":{"num_predict":9}}';
  expect(old(body)).toBe('{"messages":[],"seed":9223372036854775807}');
});

test.each([
  ['{ "messages" : [ ] , "x":"\\ud800" }', undefined],
  ['{"n_predict":9}', true as const],
])("the text %s is left alone", (body, isBuilt) => {
  const built = isBuilt === undefined ? {} : { isBuilt };
  expect(builtBody({ endpoint: "chat.completions", body, ...built })).toBe(body);
});
