import { decodeText, fileText } from "../../../shared/requests/files/file-content.ts";
import { asObject, stringAt, type JsonObject } from "../../../shared/json/json-object.ts";

const BASE64_URL = /^data:([^;,]*)(?:;[^;,]*)*;base64,([\s\S]*)$/i;
/** Files of these types are never text, whatever their bytes look like. */
const NO_TEXT = /^(?:application\/pdf$|audio\/|image\/|video\/)/i;

/** Writes a user's content as that of a chat's message. */
export function userContent(content: unknown): string | readonly JsonObject[] {
  if (!Array.isArray(content)) return typeof content === "string" ? content : "";
  const parts = (content as unknown[]).map(chatPart);
  const [only] = parts;
  // The templates of many local engines take plain texts only.
  return parts.length === 1 && only?.["type"] === "text" ? stringAt(only, "text") : parts;
}

/** Joins the texts of a content or an output. */
export function plainText(content: unknown, between = ""): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return (content as unknown[]).map(partText).join(between);
}

export interface OutputContent {
  readonly text: string;
  /** Images, sounds and files. */
  readonly media: readonly JsonObject[];
}

/** Splits a tool's list of parts into its joined texts and the rest. */
export function outputContent(output: readonly unknown[]): OutputContent {
  const parts = output.map(chatPart);
  return {
    text: parts
      .filter(isText)
      .map((part) => stringAt(part, "text"))
      .join(""),
    media: parts.filter((part) => !isText(part)),
  };
}

function isText({ type }: JsonObject): boolean {
  return type === "text";
}

function chatPart(value: unknown): JsonObject {
  const part = asObject(value) ?? {};
  switch (part["type"]) {
    case "input_image": {
      const detail = part["detail"] == null ? {} : { detail: part["detail"] };
      return { type: "image_url", image_url: { url: part["image_url"], ...detail } };
    }
    case "input_file": {
      const text = textOfFile(part);
      if (text !== undefined) return { type: "text", text };
      const name = part["filename"] == null ? {} : { filename: part["filename"] };
      return { type: "file", file: { ...name, file_data: part["file_data"] } };
    }
    case "input_audio":
    case "image_url":
      return part;
    default:
      return { type: "text", text: partText(value) };
  }
}

/** Returns a file's text: local engines take no files, but any model reads a text. */
function textOfFile(part: JsonObject): string | undefined {
  const [, type = "", data = ""] = BASE64_URL.exec(stringAt(part, "file_data")) ?? [];
  if (data === "" || NO_TEXT.test(type)) return undefined;
  const text = decodeText(Buffer.from(data, "base64"));
  return text === undefined ? undefined : fileText(stringAt(part, "filename") || "file", text);
}

function partText(value: unknown): string {
  if (typeof value === "string") return value;
  const part = asObject(value) ?? {};
  return stringAt(part, part["type"] === "refusal" ? "refusal" : "text");
}
