import type { FastifyBaseLogger } from "fastify";
import { errorText } from "../error-text.ts";

/**
 * When a server is lost, each of its connections reports it. The same words are logged once in this
 * time.
 */
const SAME_WORDS_MS = 5_000;

/**
 * Logs errors of connections that nobody waits for: each in a sentence, and not once for each
 * connection.
 */
export function connectionLog(
  log: Pick<FastifyBaseLogger, "warn">,
  now: () => number = Date.now,
): (what: string) => (error: unknown) => void {
  const lastAt = new Map<string, number>();
  return (what) => (error) => {
    const sentence = `${what}: ${errorText(error)}`;
    const before = lastAt.get(sentence) ?? Number.NEGATIVE_INFINITY;
    if (now() - before < SAME_WORDS_MS) return;
    for (const [old, at] of lastAt) if (now() - at >= SAME_WORDS_MS) lastAt.delete(old);
    lastAt.set(sentence, now());
    log.warn(sentence);
  };
}
