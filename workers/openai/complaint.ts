import { asObject, type JsonObject } from "../../shared/json/json-object.ts";

/** What an upstream says about a failure, from any of the shapes that engines use; cleaned. */
export interface Complaint {
  readonly message: string;
  /** A word such as `context_length_exceeded`; numbers become `status`. */
  readonly code?: string;
  readonly type?: string;
  readonly param?: string;
  /** An HTTP status named inside the body. */
  readonly status?: number;
}

const longestMessage = 2000;
const longestWord = 200;

/**
 * Reads `{error:{…}}`, `{error:"…"}`, `{object:"error",message}`, `{message}`, FastAPI's
 * `{detail}`, an array around any of them, or plain text. Undefined when nothing was said.
 */
export function readComplaint(body: unknown): Complaint | undefined {
  if (typeof body === "string") return plain(body);
  const outer = asObject(Array.isArray(body) ? body[0] : body);
  if (outer === undefined) return undefined;
  const error = outer["error"];
  if (typeof error === "string") return plain(error);
  const inner = asObject(error);
  if (inner !== undefined) return fromObject(inner);
  if (outer["detail"] !== undefined) return fromDetail(outer["detail"]);
  return typeof outer["message"] === "string" ? fromObject(outer) : undefined;
}

function plain(text: string): Complaint | undefined {
  const message = clean(text, longestMessage);
  return message === "" || message.startsWith("<") ? undefined : { message };
}

function fromObject(error: JsonObject): Complaint {
  const rawCode = error["code"] ?? asObject(error["details"])?.["error_code"];
  const status = Number(rawCode);
  const named = Number.isInteger(status) && status >= 400 && status < 600;
  const code = named ? undefined : word(rawCode);
  const type = word(error["type"]);
  const param = word(error["param"]);
  return {
    message: clean(stringOf(error["message"]) ?? "", longestMessage),
    ...(named ? { status } : {}),
    ...(code === undefined ? {} : { code }),
    ...(type === undefined ? {} : { type }),
    ...(param === undefined ? {} : { param }),
  };
}

/** FastAPI: a text, or a list of `{loc, msg}`. */
function fromDetail(detail: unknown): Complaint | undefined {
  if (typeof detail === "string") return plain(detail);
  if (!Array.isArray(detail)) return asObject(detail) === undefined ? undefined : { message: "" };
  const first = asObject(detail[0]);
  const place = first?.["loc"];
  const path = Array.isArray(place) ? place.filter((part) => part !== "body").join(".") : "";
  const param = word(path);
  const messages = detail.map((item) => stringOf(asObject(item)?.["msg"])).filter(Boolean);
  return {
    message: clean(messages.join("; "), longestMessage),
    ...(param === undefined ? {} : { param }),
  };
}

function stringOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function word(value: unknown): string | undefined {
  return clean(stringOf(value) ?? "", longestWord) || undefined;
}

function clean(value: string, longest: number): string {
  return value
    .slice(0, longest)
    .toWellFormed()
    .replaceAll(/\p{Cc}+/gu, " ")
    .trim();
}
