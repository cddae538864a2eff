import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { copied, readDockerfile } from "./dockerfile.ts";

const checkout = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * The temporary directory has the content of the image's /app, made by the Dockerfile's own steps.
 */
export interface ImageDirectory {
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * Copies and installs as config/Dockerfile says. Packages come from npm's cache where it has them.
 */
export async function buildImageDirectory(): Promise<ImageDirectory> {
  const path = await mkdtemp(join(tmpdir(), "spillway-image-"));
  for (const stage of readDockerfile()) {
    for (const { sources, target } of copied(stage))
      for (const source of sources)
        await cp(join(checkout, source), join(path, target === "./" ? source : target), {
          recursive: true,
        });
    for (const { name, rest } of stage.instructions) {
      const [program = "", ...words] = rest.split(" ");
      if (name === "RUN" && program === "npm")
        await promisify(execFile)(program, [...words, "--prefer-offline"], {
          cwd: path,
          env: { PATH: process.env["PATH"], HOME: process.env["HOME"] },
        });
    }
  }
  return { path, remove: () => rm(path, { recursive: true }) };
}
