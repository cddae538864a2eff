import { readFile } from "node:fs/promises";
import type { FastifyInstance } from "fastify";
import { parse } from "yaml";

const DOCUMENT = new URL("../../config/openapi.yaml", import.meta.url);
const LINE =
  "Spillway, an inference broker that speaks the OpenAI API. The base URL ends with /v1 and needs a key; /openapi.json has the paths, /health the state.\n";

/**
 * `GET /` and `GET /v1` say what this server is. `GET /openapi.json` describes the API, and `GET /docs`
 * leads there.
 */
export function addAbout(app: FastifyInstance): void {
  for (const path of ["/", "/v1"])
    app.get(path, (_request, reply) => reply.type("text/plain; charset=utf-8").send(LINE));

  let document: Promise<string> | undefined;
  app.get("/openapi.json", async (_request, reply) => {
    document ??= readDocument();
    return reply.type("application/json; charset=utf-8").send(await document);
  });
  app.get("/docs", (_request, reply) => reply.redirect("/openapi.json"));
}

/** Reads the document as JSON text. */
async function readDocument(): Promise<string> {
  return JSON.stringify(parse(await readFile(DOCUMENT, "utf8")));
}
