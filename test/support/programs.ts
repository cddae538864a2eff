import { join } from "node:path";
import { inject } from "vitest";
import type { ProgramName } from "./programs-global.ts";

/** Returns the path of a program's bundle, which `node` runs. */
export function programFile(name: ProgramName): string {
  return join(inject("programDirectory"), `${name}.cjs`);
}

/** Returns the environment with which Node processes share what they have compiled. */
export function compileCache(): { readonly NODE_COMPILE_CACHE: string } {
  return { NODE_COMPILE_CACHE: join(inject("programDirectory"), "compiled") };
}
