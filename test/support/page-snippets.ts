import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Snippet {
  /** The page's path from the repository's root. */
  readonly page: string;
  /** The language; empty where the fence names none. */
  readonly language: string;
  readonly code: string;
}

/** Returns the fenced blocks of a page, in order. */
function blocksOf(page: string): Snippet[] {
  const text = readFileSync(`${root}/${page}`, "utf8");
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)].map(
    ([, , language = "", code = ""]) => ({ page, language, code }),
  );
}

/** Returns the fenced blocks of all pages. */
export function allSnippets(): Snippet[] {
  return globSync(["*.md", "docs/*.md", "findings/*.md"], { cwd: root })
    .toSorted()
    .flatMap(blocksOf);
}

/** Returns the page's blocks in a language, in order. */
export function snippetsOf(page: string, language = "js"): string[] {
  return blocksOf(page)
    .filter((block) => block.language === language)
    .map(({ code }) => code);
}
