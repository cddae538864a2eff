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
  /** The cap is the route's, not the caller's. */
  readonly capIsDefault: boolean;
  /** The route's cap. Undefined unless the caller asked for more. */
  readonly loweredCap: number | undefined;
}

/** The newest name comes first: errors name that one. */
const names = ["max_output_tokens", "max_completion_tokens", "max_tokens"] as const;

/**
 * Returns the caller's output cap, else the route's, which is also the maximum. Of two caps the
 * smaller one counts. A cap of -1 means no cap, as users of llama.cpp write it. A cap of 0 asks for
 * the evaluation of the prompt (`echo` with `logprobs`), which only completions support. Throws
 * `BrokerError` `invalid_request` for a cap that is too large when the route refuses such caps.
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
