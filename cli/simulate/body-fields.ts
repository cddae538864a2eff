import { isUtf8 } from "node:buffer";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { Refusal } from "./refusal.ts";

/** The bytes as a JSON object. This and the other readers throw `Refusal` (400) for what is none. */
export function parseObject(bytes: Buffer): JsonObject {
  if (!isUtf8(bytes)) throw new Refusal({ status: 400, message: "The body is not valid UTF-8." });
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    const detail = error instanceof SyntaxError ? error.message : "unreadable";
    throw new Refusal({ status: 400, message: `We could not parse the JSON body: ${detail}` });
  }
  const object = asObject(value);
  if (object === undefined) {
    throw new Refusal({ status: 400, message: "The body must be an object." });
  }
  return object;
}

/** A field that counts something, from 1; undefined when absent or null. */
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

/** A field that is true or false; false when absent or null. */
export function flag(body: JsonObject, field: string): boolean {
  const value = body[field] ?? false;
  if (typeof value !== "boolean") throw invalid(field, "must be true or false");
  return value;
}

/** The refusal of a field's value. */
export function invalid(field: string, what: string): Refusal {
  const message = `${field} ${what}`;
  return new Refusal({ status: 400, message, param: field, code: "invalid_value" });
}
