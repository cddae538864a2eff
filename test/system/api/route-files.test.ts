import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { globSync } from "node:fs";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startApi, type ApiServer } from "./api-server.ts";

const ROUTES = join(import.meta.dirname, "../../../api/routes");
const files = new Set(
  globSync("**/*.ts", { cwd: ROUTES }).map((path) => path.replaceAll("\\", "/")),
);
/** These pages describe the broker itself; no part of their URLs names a resource. */
const about = new Set(["/", "/v1", "/docs", "/openapi.json"]);

/** The comment of `buildApi` states the rule by which a URL has its file. */
function fileOf(url: string): string {
  if (about.has(url)) return "about.ts";
  const parts = url
    .replace(/^\/v1\//, "/")
    .split("/")
    .filter((part) => part !== "" && part !== "*" && !part.startsWith(":"))
    .map((part) => part.replaceAll("_", "-"));
  for (let depth = parts.length; depth > 0; depth--) {
    const path = parts.slice(0, depth).join("/");
    const found = [`${path}.ts`, `${path}/index.ts`].find((file) => files.has(file));
    if (found !== undefined) return found;
  }
  return "none";
}

interface Registered {
  readonly url: string;
  readonly file: string;
}

const routes: Registered[] = [];
const watch = (message: unknown): void => {
  const { fastify } = message as { readonly fastify: FastifyInstance };
  fastify.addHook("onRoute", ({ url }) => {
    routes.push({ url, file: registeringFile() });
  });
};

/** Finds the innermost file of `api/routes` on the stack. */
function registeringFile(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const { stack = "" } = new Error("where");
  Error.stackTraceLimit = limit;
  return /\/api\/routes\/([\w/-]+\.ts)/.exec(stack)?.[1] ?? "none";
}

let api: ApiServer;
beforeAll(async () => {
  subscribe("fastify.initialization", watch);
  api = await startApi();
  unsubscribe("fastify.initialization", watch);
});
afterAll(() => api[Symbol.asyncDispose]());

test("every URL is registered by the file that its parts name", () => {
  expect(routes.length).toBeGreaterThan(50);
  expect(routes).toEqual(routes.map(({ url }) => ({ url, file: fileOf(url) })));
});

test("every file of the routes registers some, or those that do", () => {
  const registering = new Set(routes.map(({ file }) => file));
  const composing = new Set(["admin/index.ts"]);
  const silent = [...files].filter((file) => !registering.has(file) && !composing.has(file));
  expect(silent).toEqual([]);
});
