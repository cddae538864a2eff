import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

type Schema = Record<string, unknown>;

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Answer>>;
}
interface Answer {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

const METHODS = new Set(["get", "post", "patch", "put", "delete"]);

const document = parse(
  readFileSync(new URL("../../../config/openapi.yaml", import.meta.url), "utf8"),
) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, Answer>>;
  };
};

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item)
    .filter(([method]) => METHODS.has(method))
    .map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
);

/** Each route reads like `GET /v1/jobs/{id}`. */
export const documentedRoutes = operations.map(({ method, path }) => `${method} ${path}`);

export const operationIds = operations.map(({ operation }) => operation.operationId);

const definitions = exact(document.components.schemas);

/** Returns how an operation's JSON answer differs from the document; undefined when it does not. */
export function problemOf(operationId: string, status: number, body: unknown): string | undefined {
  const found = operations.find(({ operation }) => operation.operationId === operationId);
  const named = found?.operation.responses[String(status)];
  const answer =
    named?.$ref === undefined
      ? named
      : document.components.responses[named.$ref.replace("#/components/responses/", "")];
  const schema = answer?.content?.["application/json"]?.schema;
  if (schema === undefined) return `${operationId} says nothing of JSON with ${status}`;
  const result = z.fromJSONSchema({ ...exact(schema), $defs: definitions }).safeParse(body);
  return result.success ? undefined : `${operationId}: ${z.prettifyError(result.error)}`;
}

/**
 * Clients must accept unknown fields, so the document allows them; a test must find any field that
 * the document does not describe. Parts of an `allOf` stay open, since each knows only its own
 * fields.
 */
function exact<Value>(value: Value, isPart = false): Value {
  if (Array.isArray(value)) return value.map((item: unknown) => exact(item, isPart)) as Value;
  if (typeof value !== "object" || value === null) return value;
  const copy: Schema = {};
  for (const [name, inner] of Object.entries(value))
    copy[name] =
      name === "$ref" && typeof inner === "string"
        ? inner.replace("#/components/schemas/", "#/$defs/")
        : exact(inner as unknown, name === "allOf");
  const isObject = typeof copy["properties"] === "object" && !("additionalProperties" in copy);
  if (isObject && !isPart && !isPage(copy)) copy["additionalProperties"] = false;
  return copy as Value;
}

/** Lists have these fields around their data. */
function isPage({ properties }: Schema): boolean {
  return typeof properties === "object" && properties !== null && "first_id" in properties;
}
