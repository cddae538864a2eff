import { asObject } from "../../../shared/json/json-object.ts";

/** A validator's first problem with the field's name, and how many more there are. */
export interface ValidationWords {
  readonly message: string;
  readonly param?: string;
}

const MAX_PROBLEMS = 3;

interface FieldProblem {
  readonly place: string;
  readonly words: string;
}

/** Reads the list of `{loc, msg}` of FastAPI and pydantic; returns undefined for another list. */
export function readValidation(list: readonly unknown[]): ValidationWords | undefined {
  const problems = list.flatMap((item): readonly FieldProblem[] => {
    const object = asObject(item);
    const words = object?.["msg"] ?? object?.["message"];
    if (object === undefined || typeof words !== "string" || words === "") return [];
    const { loc } = object;
    if (loc === undefined) return [];
    return [{ place: placeOf(Array.isArray(loc) ? loc : [loc]), words }];
  });
  if (problems.length === 0) return undefined;
  const texts = [...new Set(problems.map(({ words }) => words))];
  const message = `${texts.slice(0, MAX_PROBLEMS).join("; ")}${andMore(texts.length - MAX_PROBLEMS)}`;
  const place = problems[0]?.place ?? "";
  return { message, ...(place === "" ? {} : { param: place }) };
}

/**
 * Shortens a validator's dump or a stack trace to the problem itself. vLLM 0.32 writes Python
 * dicts, older versions write a list of them on one line, and pydantic 2 writes indented lines.
 */
export function shortenDump(text: string): ValidationWords {
  if (/^\d+ validation errors?\b|^\[\{'(?:type|loc)':/.test(text)) {
    const problems = pythonDicts(text);
    const read = problems.length > 0 ? problems : pydanticLines(text);
    if (read.length > 0) return summary(read);
  }
  if (!text.startsWith("Traceback (most recent call last)")) return { message: text };
  return { message: text.trimEnd().split("\n").at(-1) ?? text };
}

const PYTHON_PROBLEM = /'loc': (?:'([^']*)'|\(([^)]*)\)), 'msg': (?:'([^']*)'|"([^"]*)")/g;

function pythonDicts(text: string): readonly FieldProblem[] {
  return [...text.matchAll(PYTHON_PROBLEM)].map(([, path, tuple, words, quoted]) => {
    const parts = path?.split(".") ?? tuple?.split(",") ?? [];
    const place = placeOf(parts.map((part) => part.trim().replaceAll("'", "")));
    return { place, words: words ?? quoted ?? "" };
  });
}

function pydanticLines(text: string): readonly FieldProblem[] {
  const lines = text.split("\n");
  return lines.flatMap((line, at): readonly FieldProblem[] => {
    const words = /^\s+(.+?) \[type=/.exec(line)?.[1];
    if (words === undefined) return [];
    return [{ place: placeOf((lines[at - 1] ?? "").trim().split(".")), words }];
  });
}

/** Returns `seed` for `["body","seed"]`. Names of Python classes are left out. */
function placeOf(parts: readonly unknown[]): string {
  const named = parts.map(String).filter((part) => /^[a-z_0-9][\w-]*$/.test(part));
  const [root] = named;
  return (root === "body" || root === "query" ? named.slice(1) : named).join(".");
}

function summary(problems: readonly FieldProblem[]): ValidationWords {
  const [{ place, words } = { place: "", words: "" }] = problems;
  const start = place === "" || words.includes(place) ? "" : `${place}: `;
  const message = `${start}${words}${andMore(problems.length - 1)}`;
  return { message, ...(place === "" ? {} : { param: place }) };
}

function andMore(count: number): string {
  return count > 0 ? ` (and ${count} more)` : "";
}
