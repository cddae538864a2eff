import type { ProviderConfig } from "../config/config.ts";
import type { Entry } from "../shared/contracts/entry.ts";

/**
 * The request as one target takes it: the caller's object with `model`, the output cap and, for
 * streams, `stream_options.include_usage` written in front. The rest is the caller's text, unread.
 */
export function requestBody(
  entry: Entry,
  model: string,
  maxTokensField: ProviderConfig["maxTokensField"],
): string {
  const fields: Record<string, unknown> = { model };
  if (entry.maxOutputTokens !== null) {
    const field = entry.endpoint === "chat.completions" ? maxTokensField : "max_tokens";
    fields[field] = entry.maxOutputTokens;
  }
  if (entry.stream) {
    const asked: unknown = JSON.parse(entry.streamOptions ?? "{}");
    fields["stream_options"] = { ...(asked as object), include_usage: true };
  }
  const head = JSON.stringify(fields).slice(0, -1);
  const rest = entry.body.trimStart().slice(1);
  return rest.trimStart().startsWith("}") ? `${head}${rest}` : `${head},${rest}`;
}
