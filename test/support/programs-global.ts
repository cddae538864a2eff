import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown, type Plugin } from "rolldown";
import type { TestProject } from "vitest/node";
import { guardAgainstKill } from "./kill-guard.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** This directory has the bundles that `programs.ts` names. */
    readonly programDirectory: string;
  }
}

const checkout = fileURLToPath(new URL("../../", import.meta.url));

const sources = {
  spillway: "cli/spillway.ts",
  "failing-api": "test/system/failpoints/api-child.ts",
  "failing-worker": "test/system/failpoints/worker-child.ts",
  "webhook-sender": "test/system/webhooks/sender-child.ts",
} as const;

export type ProgramName = keyof typeof sources;

/** A bundled module must look for its files in the source folder, where they stay. */
const keepUrls: Plugin = {
  name: "keep-urls",
  transform: {
    filter: { id: { exclude: /node_modules/ }, code: "import.meta.url" },
    handler: (code, id) =>
      code.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href)),
  },
};

/**
 * Bundles the programs that many tests start, with the packages that they use: loading a thousand
 * modules takes most of a start.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "spillway-programs-"));
  const guard = guardAgainstKill({ signal: "KILL", directories: [directory] });
  // PostgreSQL's binaries are found as packages.
  await symlink(join(checkout, "node_modules"), join(directory, "node_modules"));
  await using bundle = await rolldown({
    cwd: checkout,
    platform: "node",
    input: sources,
    plugins: [keepUrls],
  });
  await bundle.write({
    dir: directory,
    // As an ES module, `node:http` loads all that it offers: a tenth of a start.
    format: "cjs",
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name]-[hash].cjs",
    // Reading the text is a tenth of a start. Names stay, for stack traces.
    minify: {
      compress: false,
      mangle: false,
      codegen: { removeWhitespace: true, legalComments: "none" },
    },
  });
  project.provide("programDirectory", directory);
  return async () => {
    await rm(directory, { recursive: true });
    guard.release();
  };
}
