import { isIPv4 } from "node:net";
import type { EgressPolicy } from "../egress/egress-policy.ts";
import { foldName } from "../../config/request-fields.ts";
import { BrokerError } from "../errors/broker-error.ts";
import { fieldPath } from "./check-fields.ts";

/** The fields of a content part that hold media, in OpenAI's and the engines' own formats. */
const MEDIA_FIELDS = new Set([
  "image",
  "images",
  "input_image",
  "video",
  "videos",
  "input_video",
  "audio",
  "audios",
  "input_audio",
  "file",
  "file_data",
  "input_file",
]);
/** The fields in which messages, items and tool outputs keep their parts. */
const PART_FIELDS = new Set(["content", "output"]);

/** The fields that are read of a message, an item, a tool or a part, by their folded names. */
const READ_NAMES = new Map(
  [...MEDIA_FIELDS, ...PART_FIELDS, "role", "type", "text", "url", "data"].map((name) => [
    foldName(name),
    name,
  ]),
);

/** The longest path that an operating system opens. */
const MAX_PATH_LENGTH = 4_096;
const MAX_PARAM_CHARS = 128;
/** A name in small letters cannot be another spelling of a different name. */
const PLAIN_NAME = /^[a-z]+(?:_[a-z]+)*$/;
const BASE64 = /^[A-Za-z0-9+/_=\s-]*$/;
const SCHEME = /^\s*[a-z][a-z0-9+.-]*:/i;
const DATA_URL = /^data:/i;
/**
 * Matches scheme and host as every URL parser reads them: without blanks, backslashes, users and
 * bare paths.
 */
const WEB_URL = /^https?:\/\/([^\s/?#\\@]+)(?:[/?#][^\s\\]*)?$/i;

type Path = readonly (string | number)[];

/**
 * Refuses media in a request's body that the engine would fetch from an internal address or read
 * from its disk. An address must be a `data:` URL, or an http or https URL of a host that is not
 * internal. Names are not resolved here, since the engine resolves them itself. Throws
 * `BrokerError` `invalid_request` with the field's path as `param`.
 */
export function checkMedia(
  fields: Readonly<Record<string, unknown>>,
  policy: Pick<EgressPolicy, "isInternalHost">,
): void {
  const check = (address: string, path: Path) => {
    if (!isAllowedAddress(address, policy)) throw refused(path);
  };
  for (const name of ["messages", "input", "tools"]) checkParts(fields[name], [name], check);
}

type Check = (address: string, path: Path) => void;

function checkParts(parts: unknown, path: Path, check: Check): void {
  if (isObject(parts)) checkPart(parts, path, check);
  else if (Array.isArray(parts))
    for (const [index, part] of parts.entries())
      if (isObject(part)) checkPart(part, [...path, index], check);
}

function checkPart(part: Readonly<Record<string, unknown>>, path: Path, check: Check): void {
  for (const name in part) {
    refuseSpelling(name, path);
    if (PART_FIELDS.has(name)) checkParts(part[name], [...path, name], check);
    else if (MEDIA_FIELDS.has(name) || isAddressField(name))
      checkMediaField(part[name], name, [...path, name], check);
  }
}

function checkMediaField(value: unknown, name: string, path: Path, check: Check): void {
  if (typeof value === "string") {
    if (isAddressField(name) || !isBareData(value)) check(value, path);
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      checkMediaField(item, name, [...path, index], check);
  } else if (isObject(value)) {
    for (const inner in value) {
      refuseSpelling(inner, path);
      if (inner === "data" || MEDIA_FIELDS.has(inner) || isAddressField(inner))
        checkMediaField(value[inner], inner, [...path, inner], check);
    }
  }
}

/**
 * Refuses other spellings of the fields that are read. An engine that ignores case would read a
 * field that was not checked here.
 */
function refuseSpelling(name: string, path: Path): void {
  if (PLAIN_NAME.test(name) && !name.endsWith("url")) return;
  const folded = foldName(name);
  const read = READ_NAMES.get(folded) ?? (folded.endsWith("url") ? "url" : undefined);
  if (read === undefined || name === read || isAddressField(name)) return;
  const param = fieldPath([...path, name]).slice(0, MAX_PARAM_CHARS);
  const message = `Unsupported parameter: '${param}'. Did you mean '${read}'?`;
  throw new BrokerError("invalid_request", message, { param });
}

function isAddressField(name: string): boolean {
  return name === "url" || name.endsWith("_url");
}

/**
 * Returns true for base64 without a scheme. Only the start of a text that is too long for a path is
 * checked.
 */
function isBareData(text: string): boolean {
  return text.length > MAX_PATH_LENGTH ? !SCHEME.test(text) : BASE64.test(text);
}

function isAllowedAddress(text: string, policy: Pick<EgressPolicy, "isInternalHost">): boolean {
  if (DATA_URL.test(text)) return true;
  const written = WEB_URL.exec(text)?.[1];
  const url = URL.parse(text);
  if (written === undefined || url === null) return false;
  // Other parsers read `010.8.8.8` as a different address.
  if (isIPv4(url.hostname) && !written.startsWith(url.hostname)) return false;
  return !policy.isInternalHost(url.hostname);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused(path: Path): BrokerError {
  const param = fieldPath(path);
  return new BrokerError(
    "invalid_request",
    `Invalid value for '${param}': must be a data: URL, or an http or https URL of a public host.`,
    { param },
  );
}
