import type { z } from "zod";
import { RequestError } from "./request-error.ts";

/**
 * What a broker's answer says. Throws `RequestError` for the JSON of another server and for none at
 * all, such as the page of a proxy.
 */
export async function readAnswer<Schema extends z.ZodType>(
  response: Response,
  schema: Schema,
): Promise<z.output<Schema>> {
  const text = await response.text();
  const read = schema.safeParse(parsed(text));
  if (read.success) return read.data;
  throw new RequestError(
    `${response.url} answers otherwise than a Spillway broker does: ${text.slice(0, 100)}`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
