import { existsSync, globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The path has no slash at its end. */
const root = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

export interface Page {
  /** The path from the root. */
  readonly path: string;
  readonly text: string;
}

export function readPage(path: string): Page {
  return { path, text: readFileSync(`${root}/${path}`, "utf8") };
}

/** Pages are in the order of their names. */
export function allPages(): Page[] {
  return globSync(["*.md", "docs/*.md", "findings/*.md"], { cwd: root })
    .toSorted()
    .map((path) => readPage(path));
}

/** Comments are in source files, SQL and settings. */
export function sourceFiles(): Page[] {
  const folders = "{api,workers,shared,config,cli,test,findings}";
  const files = globSync(
    [`${folders}/**/*.{ts,sql,yaml,sh,py}`, "config/Dockerfile", "*.yml", "*.ts", ".ci/run"],
    { cwd: root },
  );
  return files
    .filter((path) => !path.includes("node_modules/") && !path.startsWith("test/fixtures/"))
    .map((path) => readPage(path));
}

/** Fenced blocks are removed; lines keep their numbers. */
export function prose(text: string): string {
  return text.replaceAll(/^( *)```[\s\S]*?^\1```$/gm, (block) => block.replaceAll(/[^\n]/g, ""));
}

/** GitHub links to a page's headings by these names. */
export function anchors(text: string): Set<string> {
  return new Set(
    [...prose(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** Says whether this path exists; `<name>` and `*` stand for any name, `{a,b}` for each of them. */
export function exists(path: string): boolean {
  const pattern = path.replaceAll(/<[^>]*>|NNNN/g, "*");
  return /[*{]/.test(pattern)
    ? globSync(pattern, { cwd: root }).length > 0
    : existsSync(`${root}/${pattern}`);
}

/** Folders that hold files, by a pattern; without a slash at the end. */
export function foundAt(pattern: string): string[] {
  return globSync(`${pattern}*.ts`, { cwd: root })
    .map((file) => file.slice(0, file.lastIndexOf("/")))
    .filter((folder, index, all) => all.indexOf(folder) === index);
}
