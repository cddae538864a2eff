import { expect, test } from "vitest";
import { normalUrl } from "../../../../api/http/normal-url.ts";
import { documentedRoutes } from "../../../system/openapi/document.ts";

test.each([
  ["/v1/models", "/v1/models"],
  ["/models", "/v1/models"],
  ["/models?limit=1", "/v1/models?limit=1"],
  ["//v1/models", "/v1/models"],
  ["/v1//responses", "/v1/responses"],
  ["/v1/models/", "/v1/models"],
  ["/v1/models/?a=//b/", "/v1/models?a=//b/"],
  ["///v1///chat//completions//", "/v1/chat/completions"],
  ["//chat/completions", "/v1/chat/completions"],
  ["/v1/v1/models", "/v1/models"],
  ["/v1/v1", "/v1"],
  ["/v1/", "/v1"],
  ["/", "/"],
  ["//", "/"],
  ["", "/"],
  ["?a=1", "/?a=1"],
  ["/v1/models/vendor/base-7b", "/v1/models/vendor/base-7b"],
  ["/v1/models/vendor%2Fbase-7b", "/v1/models/vendor%2Fbase-7b"],
  ["/v1/models/v1/v1", "/v1/models/v1/v1"],
  ["http://127.0.0.1:4600/v1/models", "/v1/models"],
  ["/admin/keys/", "/admin/keys"],
  ["/health/", "/health"],
  ["/chats", "/chats"],
])("%s means %s", (written, meant) => {
  expect(normalUrl(written)).toBe(meant);
  expect(normalUrl(meant)).toBe(meant);
});

test("each route below /v1 is also found without it", () => {
  const paths = documentedRoutes.map((route) => route.split(" ")[1] ?? "");
  for (const path of paths.filter((each) => each.startsWith("/v1/")))
    expect(normalUrl(path.slice("/v1".length))).toBe(path);
});
