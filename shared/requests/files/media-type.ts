import type { FileRow } from "../../files/file-row.ts";

/** First bytes that identify a type. */
const signatures: readonly (readonly [string, string])[] = [
  ["application/pdf", "%PDF-"],
  ["image/png", "\u0089PNG\r\n\u001a\n"],
  ["image/jpeg", "\u00ff\u00d8\u00ff"],
  ["image/gif", "GIF8"],
];
const RIFF = /^RIFF[\s\S]{4}WEBP/;
const LONGEST = 12;

/** The types by file extension, for when neither the bytes nor the upload give the type. */
const byExtension: Readonly<Record<string, string>> = {
  bmp: "image/bmp",
  csv: "text/csv",
  doc: "application/msword",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  htm: "text/html",
  html: "text/html",
  json: "application/json",
  log: "text/plain",
  md: "text/markdown",
  odt: "application/vnd.oasis.opendocument.text",
  pptx: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  svg: "image/svg+xml",
  tif: "image/tiff",
  tiff: "image/tiff",
  tsv: "text/tab-separated-values",
  txt: "text/plain",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  xml: "application/xml",
  yaml: "application/yaml",
  yml: "application/yaml",
};
/** The types that clients send when they do not know the type. */
const UNKNOWN = "application/octet-stream";
const vague = new Set<string | null>([null, "", UNKNOWN, "text/plain"]);

/** Returns the type of a file: by its first bytes, else as its upload gave it, else by its name. */
export function mediaType(file: Pick<FileRow, "filename" | "mime_type">, bytes: Buffer): string {
  const start = bytes.subarray(0, LONGEST).toString("latin1");
  const [signed] = signatures.find(([, signature]) => start.startsWith(signature)) ?? [];
  if (signed !== undefined) return signed;
  if (RIFF.test(start)) return "image/webp";
  const [declared = ""] = (file.mime_type ?? "").toLowerCase().split(";", 1);
  if (!vague.has(declared.trim())) return declared.trim();
  const extension = /\.(\w+)$/.exec(file.filename)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(byExtension, extension) ? (byExtension[extension] ?? UNKNOWN) : UNKNOWN;
}

const TEXTS = /^(?:text\/|application\/(?:json|xml|yaml)$)/;

/** Returns true when files of a type hold text, in any encoding. */
export function isTextType(type: string): boolean {
  return TEXTS.test(type);
}
