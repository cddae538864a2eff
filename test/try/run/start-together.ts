import type { Program } from "./program.ts";

/**
 * Starts programs one after the other. Returns a function that stops all of them. When one does not
 * become ready, all are stopped and its error is thrown.
 */
export async function startTogether(...programs: readonly Program[]): Promise<() => Promise<void>> {
  const stop = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program.stop()));
  };
  try {
    for (const program of programs) await program.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}
