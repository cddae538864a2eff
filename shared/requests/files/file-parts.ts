import { asObject, type JsonObject } from "../../json/json-object.ts";
import { fieldPath } from "../check-fields.ts";
import { fileText, type FileContent } from "./file-content.ts";

/** An input part with a file's id. */
export interface FilePart {
  /** The path of the part's `file_id`. */
  readonly param: string;
  readonly id: unknown;
  /** The part has content of its own, too. */
  readonly isFilled: boolean;
  /** The part can only be an image. */
  readonly isImage: boolean;
}

type Path = readonly (string | number)[];

/** Returns the content that replaces a part. Undefined leaves the part as it is. */
export type ReplacePart = (part: FilePart) => FileContent | undefined;

const IMAGE_PARTS = new Set<unknown>(["input_image", "computer_screenshot"]);

/**
 * Replaces each part that names a file in the messages of a chat or the input of a response, where
 * `replace` knows its content. Values of another shape stay as they are.
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

/** Returns false for an input without files. The check is quick, since most requests have none. */
export function mayNameFiles(value: unknown): boolean {
  return Array.isArray(value) && (value as unknown[]).some(mayHold);
}

/** Returns true for an item or a part that names a file, or that holds a part which does. */
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

/** The part has the form `{ type: "file", file: { file_id } }`. */
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

/** The part has the form `{ type: "input_file", file_id }`, and images have a similar one. */
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

/** Returns true when engines can take the file as an image. */
export function isImage({ mediaType }: Pick<FileContent, "mediaType">): boolean {
  return mediaType.startsWith("image/");
}

function nameOf(part: JsonObject, { filename }: FileContent): string {
  const given = part["filename"];
  return typeof given === "string" && given !== "" ? given : filename;
}
