import { isUtf8 } from "node:buffer";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { HttpError } from "./http-error.ts";

/**
 * Parses the bytes as a JSON object. Like the other readers here, it throws `HttpError` (400) for
 * anything else.
 */
export function parseObject(bytes: Buffer): JsonObject {
  if (!isUtf8(bytes)) throw new HttpError({ status: 400, message: "The body is not valid UTF-8." });
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    const detail = error instanceof SyntaxError ? error.message : "unreadable";
    throw new HttpError({ status: 400, message: `We could not parse the JSON body: ${detail}` });
  }
  const object = asObject(value);
  if (object === undefined) {
    throw new HttpError({ status: 400, message: "The body must be an object." });
  }
  return object;
}

/** Reads a whole number of at least 1; undefined when absent or null. */
export function count(body: JsonObject, field: string, most = Infinity): number | undefined {
  const value = body[field] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw invalid(field, "must be a whole number");
  }
  if (value < 1) throw invalid(field, `must be at least 1, got ${value}`);
  if (value > most) throw invalid(field, `must be at most ${most}, got ${value}`);
  return value;
}

/** Reads a boolean; false when absent or null. */
export function readBoolean(body: JsonObject, field: string): boolean {
  const value = body[field] ?? false;
  if (typeof value !== "boolean") throw invalid(field, "must be true or false");
  return value;
}

/** Makes the error for a wrong value of a field. */
export function invalid(field: string, what: string): HttpError {
  const message = `${field} ${what}`;
  return new HttpError({ status: 400, message, param: field, code: "invalid_value" });
}
