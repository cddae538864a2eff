import type { z } from "zod";
import { parseJson } from "../../shared/json/json-object.ts";
import { RequestError } from "./request-error.ts";

/**
 * Reads a broker's answer. Throws `RequestError` when the body is not JSON, as the page of a proxy,
 * or is the JSON of another server.
 */
export async function readAnswer<Schema extends z.ZodType>(
  response: Response,
  schema: Schema,
): Promise<z.output<Schema>> {
  const text = await response.text();
  const read = schema.safeParse(parseJson(text));
  if (read.success) return read.data;
  throw new RequestError(
    `${response.url} answers otherwise than a Spillway broker does: ${text.slice(0, 100)}`,
  );
}
