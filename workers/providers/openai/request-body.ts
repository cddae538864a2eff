import type { ProviderConfig } from "../../../config/config.ts";
import type { JobRequest } from "../../../shared/contracts/job-request.ts";

/**
 * Writes the request as one target takes it: the caller's object, with `model`, the output cap and,
 * for streams, `stream` and `stream_options.include_usage` in front. The rest is the caller's text,
 * unread. `builtBody` has removed from it every field that is written here, in any spelling.
 */
export function requestBody(
  request: Pick<JobRequest, "endpoint" | "stream" | "maxOutputTokens" | "streamOptions" | "body">,
  model: string,
  maxTokensField: ProviderConfig["maxTokensField"],
): string {
  const fields: Record<string, unknown> = { model };
  if (request.maxOutputTokens !== null) {
    const field = request.endpoint === "chat.completions" ? maxTokensField : "max_tokens";
    fields[field] = request.maxOutputTokens;
  }
  if (request.stream) {
    fields["stream"] = true;
    const asked: unknown = JSON.parse(request.streamOptions ?? "{}");
    fields["stream_options"] = { ...(asked as object), include_usage: true };
  }
  const head = JSON.stringify(fields).slice(0, -1);
  const rest = request.body.trimStart().slice(1);
  return rest.trimStart().startsWith("}") ? `${head}${rest}` : `${head},${rest}`;
}
