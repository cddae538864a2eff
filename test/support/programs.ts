import { join } from "node:path";
import { inject } from "vitest";
import type { ProgramName } from "./programs-global.ts";

/** The bundle of a program, for `node` to run. */
export function programFile(name: ProgramName): string {
  return join(inject("programDirectory"), `${name}.mjs`);
}

/** For a Node process's environment: what one has compiled, the next does not compile again. */
export function compileCache(): { readonly NODE_COMPILE_CACHE: string } {
  return { NODE_COMPILE_CACHE: join(inject("programDirectory"), "compiled") };
}
