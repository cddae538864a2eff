import type { Lookup } from "./environment.ts";

interface Interpolated {
  readonly text: string;
  /** Tells whether the text was one `${…}` and nothing else. */
  readonly whole: boolean;
  /**
   * References that could not be filled in, which make `text` useless. Problems contain names,
   * never values.
   */
  readonly problems: readonly string[];
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const FORM = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/**
 * Fills `${NAME}` and `${NAME:-default}` into a text; `$${` stands for a plain `${`. An unset
 * variable without a default, a malformed reference and a failing lookup are problems.
 */
export function interpolate(text: string, lookup: Lookup): Interpolated {
  const problems: string[] = [];
  const filled = text.replaceAll(REFERENCE, (reference, inner: string | undefined, end: string) => {
    if (inner === undefined) return "${";
    const [, name, fallback] = (end === "}" ? FORM.exec(inner) : null) ?? [];
    if (name === undefined || fallback?.includes("${") === true) {
      problems.push("write ${NAME} or ${NAME:-default}, and $${ for a plain ${");
      return reference;
    }
    try {
      const value = lookup(name) ?? fallback;
      if (value !== undefined) return value;
      problems.push(`the environment variable ${name} is not set`);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : `${name} cannot be read`);
    }
    return reference;
  });
  return { text: filled, whole: /^\$\{[^}]*\}$/.test(text), problems };
}
