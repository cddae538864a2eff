import { posix } from "node:path";
import { expect, test } from "vitest";
import { allPages, anchors, exists, foundAt, prose, readPage, sourceFiles } from "./pages.ts";

const topFolders = "(?:api|workers|shared|config|cli|test|docs|findings)";

test("every link leads to a file, and its anchor to a heading there", () => {
  const broken: string[] = [];
  for (const { path, text } of allPages())
    for (const [, target = ""] of prose(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = "", anchor] = target.split("#");
      const there = file === "" ? path : posix.normalize(`${posix.dirname(path)}/${file}`);
      if (!exists(there)) broken.push(`${path}: ${target}`);
      else if (anchor !== undefined && !anchors(readPage(there).text).has(anchor))
        broken.push(`${path}: ${target} has no such heading`);
    }
  expect(broken).toEqual([]);
});

test("every path that a page names is in the tree", () => {
  const missing: string[] = [];
  const named = new RegExp(`^(?:\\./)?(${topFolders}/[^\\s]*|[\\w.-]+\\.(?:yml|json|md))$`);
  for (const { path, text } of allPages())
    for (const [, code = ""] of prose(text).matchAll(/`([^`\n]+)`/g)) {
      const file = named.exec(code)?.[1];
      if (file === undefined || ownFiles.has(file)) continue;
      if (!exists(file)) missing.push(`${path}: ${file}`);
    }
  expect(missing).toEqual([]);
});

/** Readers of the pages create these files. */
const ownFiles = new Set(["spillway.yml"]);

test("every folder of the source is in the map of the code", () => {
  const { text } = readPage("docs/architecture.md");
  const folders = ["{api,workers,shared,cli}/*/", "workers/providers/*/"].flatMap(foundAt);
  expect(folders.length).toBeGreaterThan(40);
  expect(folders.filter((folder) => !text.includes(`\`${folder}`))).toEqual([]);
});

test("pages and files that comments name are in the tree", () => {
  const missing: string[] = [];
  const paths = new RegExp(`(?<![\\w/.@-])${topFolders}/[\\w./{},*-]*\\.(?:ts|sql|md|ya?ml)`, "g");
  for (const { path, text } of sourceFiles())
    for (const comment of commentsOf(path, text)) {
      for (const [name] of comment.matchAll(/(?<![\w/.])[\w-]+\.md\b/g))
        if (!exists(name)) missing.push(`${path}: ${name}`);
      for (const [name] of comment.matchAll(paths))
        if (!exists(name)) missing.push(`${path}: ${name}`);
    }
  expect(missing).toEqual([]);
});

test("a comment that names an invariant by number says that it is one, or where it is", () => {
  const invariants = readPage("docs/architecture.md")
    .text.split("\n## ")
    .find((section) => section.startsWith("Invariants"));
  const unknown: string[] = [];
  for (const { path, text } of sourceFiles())
    for (const comment of commentsOf(path, text))
      for (const [number] of comment.matchAll(/\bI(?:1[0-9]|[1-9])\b/g))
        if (
          !/invariant|docs\/architecture\.md/i.test(text) ||
          invariants?.includes(`**${number}**`) !== true
        )
          unknown.push(`${path}: ${number}`);
  expect(unknown).toEqual([]);
});

test("lines of a page fit a terminal, but for tables, links and code", () => {
  const long: string[] = [];
  for (const { path, text } of allPages())
    for (const [index, line] of prose(text).split("\n").entries())
      if (line.length > 120 && !line.startsWith("|") && !/\]\([^)]+\)[.,;:]?$|^\s*> /.test(line))
        long.push(`${path}:${index + 1}`);
  expect(long).toEqual([]);
});

/** Returns each comment of a file as one string. */
function commentsOf(path: string, text: string): string[] {
  if (path.endsWith(".ts")) return text.match(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/g) ?? [];
  const marker = path.endsWith(".sql") ? "--" : "#";
  return text.split("\n").filter((line) => line.trimStart().startsWith(marker));
}
