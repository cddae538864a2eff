import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { ReplyError } from "../../shared/contracts/reply.ts";
import { compress } from "../../shared/db/compressed.ts";
import type { StoredResult } from "../../shared/jobs/settle.ts";
import type { Attempt } from "./attempt.ts";

/** Packs the answer, the events or the error of an accepted job's last attempt for its row. */
export async function storedResult(
  { request, events }: Pick<Attempt, "request" | "events">,
  outcome: ProviderOutcome,
  error: ReplyError | undefined,
): Promise<StoredResult> {
  const ok = outcome.kind === "ok" ? outcome : undefined;
  // A stream without events is stored too, as an empty text.
  const texts = request.stream ? [...events, ok?.tail ?? ""].join("") : undefined;
  const { compressed, parts } = await compress(
    ok?.body,
    texts === undefined ? undefined : Buffer.from(texts),
  );
  const [body, log] = parts;
  return {
    content_type: ok?.contentType ?? null,
    body: body?.toString("base64") ?? null,
    events: log?.toString("base64") ?? null,
    compressed,
    error: error === undefined ? null : JSON.stringify(error),
  };
}
