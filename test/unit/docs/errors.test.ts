import { expect, test } from "vitest";
import { errorCatalogue } from "../../../shared/errors/catalogue.ts";
import { readPage } from "./pages.ts";

test("the page for callers has each error that they can see, with its status", () => {
  const rows = readPage("docs/api.md").text.matchAll(/^\| .* \| (\d{3}) +\| `(\w+)` +\|$/gm);
  const listed = new Map([...rows].map(([, status, code]) => [code, Number(status)]));
  const thrown = Object.entries(errorCatalogue).map(
    ([code, { status }]) => [code, status] as const,
  );
  expect(listed).toEqual(new Map(thrown));
});
