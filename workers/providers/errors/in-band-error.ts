import type { FailedEnd } from "../call-end.ts";
import { classifyError } from "./classify-error.ts";
import { readUpstreamError } from "./upstream-error.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";

/** Gateways write these codes and words into the `error` member of a good answer. */
const HARMLESS =
  /^(?:|-|0+|200\d*|none|null|nil|undefined|n\/a|ok|okay|no error|success(?:ful(?:ly)?)?)\.?$/;

/** These members mean an error when the answer has nothing else. */
const ERROR_MEMBERS = ["errors", "detail", "error_msg", "error_message", "msg", "message"];
const ANSWER_MEMBERS = ["choices", "data", "usage", "delta", "output", "response"];

/** Finds an error inside a 200 answer or an event, such as `{"error":…}`. */
export function readInBandError(parsed: unknown): FailedEnd | undefined {
  const object = asObject(parsed);
  if (object === undefined) return undefined;
  const says =
    saysSomething(object["error"]) || object["object"] === "error" || object["type"] === "error";
  if (!says && !isOnlyError(object)) return undefined;
  return readErrorEvent(object);
}

/** Finds the error of one choice: OpenRouter's, of a provider that hung up. */
export function readChoiceError(choice: JsonObject): FailedEnd | undefined {
  const { error } = choice;
  return error !== undefined && saysSomething(error) ? readErrorEvent({ error }) : undefined;
}

/** Reads the data of an `error` event, in any shape. */
export function readErrorEvent(data: unknown): FailedEnd {
  const upstreamError = readUpstreamError(data);
  return classifyError({ status: undefined, upstreamError, retryAfterMs: undefined });
}

/** An `error` member of empty or harmless words is not an error. */
function saysSomething(error: unknown): boolean {
  if (typeof error === "string") return isWord(error);
  if (Array.isArray(error)) return error.some(saysSomething);
  const object = asObject(error);
  if (object === undefined) return typeof error === "number" ? error !== 0 : error === true;
  if (Number(object["code"]) === 200) return false;
  // Some gateways add a code such as 20000 to it.
  if (typeof object["message"] === "string" && /^(?:ok|success)/i.test(object["message"]))
    return false;
  return Object.values(object).some((value) =>
    typeof value === "object" ? saysSomething(value) : isWord(value),
  );
}

function isWord(value: unknown): boolean {
  if (typeof value === "string") return !HARMLESS.test(value.trim().toLowerCase());
  return typeof value === "number" && value !== 0 && value !== 200;
}

/** Tells whether the object has nothing of an answer beside the words. */
function isOnlyError(object: JsonObject): boolean {
  if (ANSWER_MEMBERS.some((name) => object[name] !== undefined)) return false;
  if (typeof object["type"] === "string") return false;
  return ERROR_MEMBERS.some((name) => {
    const value = object[name];
    return typeof value === "string" ? isWord(value) : name !== "message" && isFilled(value);
  });
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}
