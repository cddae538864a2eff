import { asObject, type JsonObject } from "../../json/json-object.ts";
import { fieldPath } from "../check-fields.ts";
import { fileText, type FileContent } from "./file-content.ts";

/** A part of a request's input that names a file by its id. */
export interface FilePart {
  /** Path of its `file_id`. */
  readonly param: string;
  readonly id: unknown;
  /** It has content of its own, too. */
  readonly isFilled: boolean;
  /** It can only be an image. */
  readonly isImage: boolean;
}

type Path = readonly (string | number)[];

/** What stands in the place of a part. */
export type ReplacePart = (part: FilePart) => FileContent | undefined;

const IMAGE_PARTS = new Set<unknown>(["input_image", "computer_screenshot"]);

/**
 * The messages of a chat or the input of a response with each part that names a file replaced, where
 * `replace` knows its content. Whatever has another shape stays as it is.
 */
export function mapFileParts(
  field: "messages" | "input",
  value: unknown,
  replace: ReplacePart,
): unknown {
  if (!Array.isArray(value)) return value;
  const mapPart = field === "messages" ? mapChatPart : mapInputPart;
  const mapParts = (parts: unknown, path: Path): unknown => {
    if (Array.isArray(parts))
      return (parts as unknown[]).map((part, index) => mapParts(part, [...path, index]));
    const part = asObject(parts);
    return part === undefined ? parts : mapPart(part, path, replace);
  };
  return (value as unknown[]).map((each, index) => {
    const item = asObject(each);
    if (item === undefined) return each;
    const mapped: Record<string, unknown> = { ...mapPart(item, [field, index], replace) };
    for (const name of ["content", "output"])
      if (typeof mapped[name] === "object")
        mapped[name] = mapParts(mapped[name], [field, index, name]);
    return mapped;
  });
}

/** Quickly tells of most requests that they name no files. */
export function mayNameFiles(value: unknown): boolean {
  return Array.isArray(value) && (value as unknown[]).some(mayHold);
}

/** An item or a part that names one, or holds one that does. */
function mayHold(value: unknown): boolean {
  if (Array.isArray(value)) return (value as unknown[]).some(mayHold);
  const object = asObject(value);
  if (object === undefined) return false;
  if (object["file_id"] != null || object["file"] != null) return true;
  const { content, output } = object;
  return (
    (typeof content === "object" && mayHold(content)) ||
    (typeof output === "object" && mayHold(output))
  );
}

/** `{ type: "file", file: { file_id } }` */
function mapChatPart(part: JsonObject, path: Path, replace: ReplacePart): JsonObject {
  const file = asObject(part["file"]);
  if (part["type"] !== "file" || file?.["file_id"] == null) return part;
  const { file_id: id, ...rest } = file;
  const content = replace({
    param: fieldPath([...path, "file", "file_id"]),
    id,
    isFilled: file["file_data"] != null || file["file_url"] != null,
    isImage: false,
  });
  if (content === undefined) return part;
  const { file: _file, ...outer } = part;
  const filename = nameOf(rest, content);
  if (content.text !== undefined)
    return { ...outer, type: "text", text: fileText(filename, content.text) };
  return isImage(content)
    ? { ...outer, type: "image_url", image_url: { url: content.dataUrl } }
    : { ...part, file: { ...rest, filename, file_data: content.dataUrl } };
}

/** `{ type: "input_file", file_id }`, and images alike. */
function mapInputPart(part: JsonObject, path: Path, replace: ReplacePart): JsonObject {
  const { file_id: id, ...rest } = part;
  const { type } = rest;
  if ((type !== "input_file" && !IMAGE_PARTS.has(type)) || id == null) return part;
  const ofImage = IMAGE_PARTS.has(type);
  const content = replace({
    param: fieldPath([...path, "file_id"]),
    id,
    isFilled: ["file_data", "file_url", "image_url"].some((name) => part[name] != null),
    isImage: ofImage,
  });
  if (content === undefined) return part;
  if (ofImage) return { ...rest, image_url: content.dataUrl };
  const { filename: _filename, ...outer } = rest;
  const filename = nameOf(rest, content);
  if (content.text !== undefined)
    return { ...outer, type: "input_text", text: fileText(filename, content.text) };
  return isImage(content)
    ? { ...outer, type: "input_image", image_url: content.dataUrl }
    : { ...rest, filename, file_data: content.dataUrl };
}

/** Tells whether engines can take it as an image. */
export function isImage({ mediaType }: Pick<FileContent, "mediaType">): boolean {
  return mediaType.startsWith("image/");
}

function nameOf(part: JsonObject, { filename }: FileContent): string {
  const given = part["filename"];
  return typeof given === "string" && given !== "" ? given : filename;
}
