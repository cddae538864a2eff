import { isUtf8 } from "node:buffer";
import type { FileRow } from "../../files/file-row.ts";
import { isTextType, mediaType } from "./media-type.ts";

/** The content of a file in a form that a request can hold. */
export interface FileContent {
  readonly filename: string;
  readonly mediaType: string;
  /** Undefined when the file is not a text. */
  readonly text: string | undefined;
  readonly dataUrl: string;
}

/** The byte order marks with which some files begin. */
const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const UTF16_MARK = Buffer.from([0xff, 0xfe]);

/** Makes the content from the bytes of a whole file. */
export function fileContent(
  file: Pick<FileRow, "filename" | "mime_type">,
  bytes: Buffer,
): FileContent {
  const type = mediaType(file, bytes);
  const isPdf = type === "application/pdf";
  let dataUrl: string | undefined;
  return {
    filename: file.filename,
    mediaType: type,
    text: isPdf ? undefined : (decodeText(bytes) ?? decodeOld(type, bytes)),
    // The URL is made only when it is needed, since it is longer than the file.
    get dataUrl() {
      return (dataUrl ??= `data:${type};base64,${bytes.toString("base64")}`);
    },
  };
}

/**
 * Decodes UTF-8, or UTF-16 as spreadsheets save it. Returns undefined for bytes that are not text.
 */
export function decodeText(bytes: Buffer): string | undefined {
  if (bytes.subarray(0, 2).equals(UTF16_MARK) && bytes.length % 2 === 0) {
    const text = bytes.subarray(2).toString("utf16le");
    return text.isWellFormed() && !text.includes("\0") ? text : undefined;
  }
  if (!isUtf8(bytes) || bytes.includes(0)) return undefined;
  return bytes.subarray(0, 3).equals(UTF8_MARK) ? bytes.subarray(3).toString() : bytes.toString();
}

/**
 * Decodes a file whose type is a text but which is not Unicode. Most often this is a spreadsheet's
 * CSV from Windows.
 */
function decodeOld(type: string, bytes: Buffer): string | undefined {
  const isText = isTextType(type) && !bytes.includes(0);
  return isText ? new TextDecoder("windows-1252").decode(bytes) : undefined;
}

/** Marks a text file in a prompt, so that a model can distinguish it from the words of its user. */
export function fileText(filename: string, text: string): string {
  const name = filename.replaceAll(/[<>"]/g, "_");
  const end = text.endsWith("\n") ? "" : "\n";
  return `<file name="${name}">\n${text}${end}</file>`;
}
