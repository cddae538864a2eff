import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { InferenceRequest } from "../../shared/requests/read-request.ts";

/**
 * Says why a request cannot be a batch's line although it is sound: the answer to a line is one
 * JSON object in a file.
 */
export function lineRefusal({
  stream,
  response,
  webhookUrl,
}: Pick<InferenceRequest, "stream" | "response" | "webhookUrl">): BrokerError | undefined {
  if (stream) return refuse("stream", "A request of a batch cannot be streamed.");
  if (response?.background === true)
    return refuse("background", "A request of a batch runs in the background in any case.");
  if (response?.turn !== undefined)
    return refuse("conversation", "A request of a batch cannot be part of a conversation.");
  if (webhookUrl !== undefined)
    return refuse("webhook_url", "A batch tells of its end, not each of its requests.");
  return undefined;
}

function refuse(param: string, message: string): BrokerError {
  return new BrokerError("invalid_request", message, { param });
}
