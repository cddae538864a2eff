import type { RouteConfig } from "../../config/config.ts";
import type { Endpoint } from "../contracts/endpoint.ts";
import { BrokerError } from "../errors/broker-error.ts";

interface AskedCaps {
  readonly max_tokens?: number | null | undefined;
  readonly max_completion_tokens?: number | null | undefined;
  readonly max_output_tokens?: number | null | undefined;
}

export interface OutputCap {
  /** The most tokens of one choice. */
  readonly cap: number;
  /** The number is the route's, not the caller's. */
  readonly capIsDefault: boolean;
  /** The route's cap, where the caller asked for more. */
  readonly loweredCap: number | undefined;
}

/** Newest first: the one that a caller is told of. */
const names = ["max_output_tokens", "max_completion_tokens", "max_tokens"] as const;

/**
 * The caller's cap, else the route's, which is also the most. Of two caps the smaller one holds. -1
 * is no cap, as llama.cpp's users write it. 0 asks for the prompt's own evaluation (`echo` with
 * `logprobs`), which only completions know. Throws `BrokerError` `invalid_request` for a cap that is
 * too large where the route refuses these.
 */
export function outputCap(
  endpoint: Endpoint,
  asked: AskedCaps,
  { maxOutputTokens, outputCap: rule }: Pick<RouteConfig, "maxOutputTokens" | "outputCap">,
): OutputCap {
  const caps = names.flatMap((param) => {
    const cap = asked[param];
    return cap == null || cap === -1 ? [] : [{ param, cap }];
  });
  const zero = caps.find(({ cap }) => cap === 0);
  if (zero !== undefined && endpoint !== "completions")
    throw new BrokerError("invalid_request", `${zero.param} must be at least 1.`, {
      param: zero.param,
    });
  const [least] = caps.toSorted((one, other) => one.cap - other.cap);
  if (least === undefined)
    return { cap: maxOutputTokens, capIsDefault: true, loweredCap: undefined };
  if (least.cap <= maxOutputTokens)
    return { cap: least.cap, capIsDefault: false, loweredCap: undefined };
  if (rule === "lower")
    return { cap: maxOutputTokens, capIsDefault: true, loweredCap: maxOutputTokens };
  throw new BrokerError(
    "invalid_request",
    `${least.param} is too large: ${least.cap}. This model supports at most ${maxOutputTokens} output tokens.`,
    { param: least.param },
  );
}
