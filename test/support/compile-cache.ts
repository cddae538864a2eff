import { fileURLToPath } from "node:url";

/**
 * For the environment of every Node process that a test starts: what one has compiled, the next
 * does not compile again.
 */
export const compileCache = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.cache/node", import.meta.url)),
} as const;
