import { asObject } from "../../../shared/json/json-object.ts";

/** What a validator says: its first fault with the field's name, and how many more there are. */
export interface ValidationWords {
  readonly message: string;
  readonly param?: string;
}

const MOST_WORDS = 3;

interface Fault {
  readonly place: string;
  readonly words: string;
}

/** FastAPI's and pydantic's list of `{loc, msg}`; undefined for any other list. */
export function readValidation(list: readonly unknown[]): ValidationWords | undefined {
  const faults = list.flatMap((item): readonly Fault[] => {
    const object = asObject(item);
    const words = object?.["msg"] ?? object?.["message"];
    if (object === undefined || typeof words !== "string" || words === "") return [];
    const { loc } = object;
    if (loc === undefined) return [];
    return [{ place: placeOf(Array.isArray(loc) ? loc : [loc]), words }];
  });
  if (faults.length === 0) return undefined;
  const said = [...new Set(faults.map(({ words }) => words))];
  const message = `${said.slice(0, MOST_WORDS).join("; ")}${andMore(said.length - MOST_WORDS)}`;
  const place = faults[0]?.place ?? "";
  return { message, ...(place === "" ? {} : { param: place }) };
}

/**
 * A text as it may go on: of a validator's dump or a stack trace, only what went wrong. vLLM 0.32
 * lists Python dicts, those before it one list of them on a line, pydantic 2 indented lines.
 */
export function shortenDump(text: string): ValidationWords {
  if (/^\d+ validation errors?\b|^\[\{'(?:type|loc)':/.test(text)) {
    const faults = pythonDicts(text);
    const read = faults.length > 0 ? faults : pydanticLines(text);
    if (read.length > 0) return told(read);
  }
  if (!text.startsWith("Traceback (most recent call last)")) return { message: text };
  return { message: text.trimEnd().split("\n").at(-1) ?? text };
}

const PYTHON_FAULT = /'loc': (?:'([^']*)'|\(([^)]*)\)), 'msg': (?:'([^']*)'|"([^"]*)")/g;

function pythonDicts(text: string): readonly Fault[] {
  return [...text.matchAll(PYTHON_FAULT)].map(([, path, tuple, words, quoted]) => {
    const parts = path?.split(".") ?? tuple?.split(",") ?? [];
    const place = placeOf(parts.map((part) => part.trim().replaceAll("'", "")));
    return { place, words: words ?? quoted ?? "" };
  });
}

function pydanticLines(text: string): readonly Fault[] {
  const lines = text.split("\n");
  return lines.flatMap((line, at): readonly Fault[] => {
    const words = /^\s+(.+?) \[type=/.exec(line)?.[1];
    if (words === undefined) return [];
    return [{ place: placeOf((lines[at - 1] ?? "").trim().split(".")), words }];
  });
}

/** `seed` of `["body","seed"]`; the names of Python classes, tried one by one, are left out. */
function placeOf(parts: readonly unknown[]): string {
  const named = parts.map(String).filter((part) => /^[a-z_0-9][\w-]*$/.test(part));
  const [root] = named;
  return (root === "body" || root === "query" ? named.slice(1) : named).join(".");
}

function told(faults: readonly Fault[]): ValidationWords {
  const [{ place, words } = { place: "", words: "" }] = faults;
  const start = place === "" || words.includes(place) ? "" : `${place}: `;
  const message = `${start}${words}${andMore(faults.length - 1)}`;
  return { message, ...(place === "" ? {} : { param: place }) };
}

function andMore(count: number): string {
  return count > 0 ? ` (and ${count} more)` : "";
}
