import type { FailureReason } from "../../../shared/contracts/failure-reason.ts";
import type { UpstreamErrorDetails } from "./upstream-error.ts";

const QUOTA_CODES = new Set([
  "insufficient_quota",
  "credit_balance_exhausted",
  "organization_spend_limit_exceeded",
  "project_spend_limit_exceeded",
  "organization_usage_limit_exceeded",
  "enforced_spend_limit_reached",
  "billing_hard_limit_reached",
  "billing_not_active",
  "billing_error",
  "insufficient_balance",
  "insufficient_credits",
  "payment_required",
  "budget_exceeded",
  "arrearage",
  "credit_limit",
  "insufficient_user_quota",
  "exceeded_current_quota_error",
]);

const KEY_CODES = new Set([
  "invalid_api_key",
  "api_key_invalid",
  "incorrect_api_key",
  "missing_api_key",
  "expired_api_key",
  "api_key_expired",
  "authentication_error",
  "authenticationerror",
  "invalid_authentication",
  "unauthenticated",
  "unauthorized",
  "account_deactivated",
  "account_suspended",
  "access_terminated",
  "unsupported_country_region_territory",
  "ip_not_authorized",
  "invalid_organization",
  "organization_restricted",
  "token_not_found_in_db",
  "expiredtokenexception",
  "invalidsignatureexception",
  "unrecognizedclientexception",
]);

/**
 * Messages of OpenAI, DeepSeek, Anthropic, Google, Together, LiteLLM, OpenRouter, Hugging Face,
 * SiliconFlow, Zhipu and one-api begin so. They quote no prompt.
 */
const QUOTA_OPENINGS =
  /^(?:you (?:have )?exceeded your (?:current |monthly )?(?:quota|included credits)|you have reached your (?:specified )?(?:api )?(?:usage|spend(?:ing)?) limits?|(?:exceeded ?)?budget\b.{0,10}(?:exceeded|crossed)|key limit exceeded|(?:sorry, )?your account balance is insufficient|cloud credits expired|access denied, please make sure your account is in good standing|.{0,6}(?:余额不足|额度不足|欠费)|insufficient (?:balance|credits?|funds|quota)|your (?:credit|account) balance|(?:credit|monthly spend|spend(?:ing)?|billing hard) limit|your account (?:has (?:insufficient|run out)|is not active|balance)|you have (?:run out of|no) credits)/i;

/** Messages of OpenAI, Google, Mistral, Groq, Anthropic, vLLM, LiteLLM and Azure begin so. */
const KEY_OPENINGS =
  /^(?:(?:the |your )?(?:incorrect|invalid|missing|expired|wrong|unknown|bad|no|disabled|revoked) (?:api[ -]?key|x-api-key|auth|credential|access token|bearer token|token\b|subscription key)|(?:the |your )?(?:provided |given )?(?:api[ -]?key|x-api-key|access token|credentials?|subscription key)\b.{0,40}\b(?:invalid|not valid|incorrect|expired|missing|required|disabled|revoked|not found|does not have permission|suspended)|access denied due to invalid subscription key|unauthori[sz]ed\b|authentication (?:failed|required|error)|you didn't provide an api key|your (?:account|organi[sz]ation) (?:has been|was|is) (?:deactivated|suspended|disabled|blocked|terminated)|(?:this )?account .{0,20}(?:suspended|disabled|deactivated)|country, region, or territory not supported|you must be a member of an organi[sz]ation|user location is not supported|organi[sz]ation has been restricted)/i;

/** These count anywhere in the words of a 403, which quotes no prompt. */
const KEY_PHRASES =
  /\b(?:api[ _-]?key|credentials?|authenticat\w*|unauthori[sz]ed|bearer|access token|account|billing|subscription|organi[sz]ation|scopes?|signature|ip address|country|region|authori[sz]ation|security token|virtual network|firewall|public access|api has not been used)\b/i;
const MODERATION_CODES =
  /^(?:content_?(?:filter\w*|policy\w*|moderation\w*)|data_?inspection_?failed|moderation\w*|responsibleai\w*|guardrail\w*|safety\w*|1301)$/i;
const MODERATION_PHRASES =
  /\b(?:flagged|moderat\w+|content[ _-](?:policy|filter\w*)|safety|harmful|inappropriate|prohibited|policy violation|guardrails?|jailbreak|usage (?:guidelines|polic\w+)|safety_\w+|content exists risk)\b|敏感|不安全|违规/i;
const MODEL_PHRASES =
  /\bmodels?\b.{0,80}\b(?:access|allowed|available|permission|permitted|enabled|disabled|exhausted|found|exist|entitled|verified)|\b(?:access|allowed|permission|permitted|entitled|verified|authori[sz]ed)\b.{0,80}\bmodels?\b/i;
/** OpenRouter writes these words with 402 when one request is too large. */
const FEWER_TOKENS =
  /max_tokens|tokens limit exceeded|\b(?:fewer|less|reduce)\b.{0,20}\btokens|can only afford/i;

/**
 * Finds out whether an error is about the broker's account or credential, which concerns the whole
 * provider; returns undefined if it is not. Only a code or words that say so count. A status on its
 * own counts only where it can mean nothing else, because the fault of one request must not take
 * the provider from all others.
 */
export function readAccountProblem(
  status: number | undefined,
  upstreamError: UpstreamErrorDetails | undefined,
  retryAfterMs: number | undefined,
): FailureReason | undefined {
  const words = [upstreamError?.code, upstreamError?.type].map((word) => word?.toLowerCase() ?? "");
  const message = upstreamError?.message ?? "";
  if (status !== undefined && status < 500 && words.some((word) => MODERATION_CODES.test(word)))
    return "bad_request";
  if (words.some((word) => QUOTA_CODES.has(word))) return "quota_exhausted";
  if (words.some((word) => KEY_CODES.has(word)) && !MODERATION_PHRASES.test(message)) return "auth";
  const mayOpen = status === undefined || (status >= 400 && status < 500);
  // Google calls a limit per minute so too, but then says when to come back.
  if (mayOpen && QUOTA_OPENINGS.test(message) && retryAfterMs === undefined)
    return "quota_exhausted";
  if (mayOpen && KEY_OPENINGS.test(message)) return "auth";
  if (status === 401 || status === 403) return readDenial(status, message);
  if (status !== 402) return undefined;
  if (MODERATION_PHRASES.test(message)) return "bad_request";
  return FEWER_TOKENS.test(message) ? "unsupported" : "quota_exhausted";
}

/** A 401 is about the credential unless its words say otherwise, a 403 only if they say so. */
function readDenial(status: number, message: string): FailureReason {
  if (MODERATION_PHRASES.test(message)) return "bad_request";
  if (MODEL_PHRASES.test(message)) return "not_found";
  if (status === 401 || KEY_PHRASES.test(message)) return "auth";
  // An empty message may come from Ollama's check of the Host header or from a firewall. Any other
  // message may be read by the caller.
  return message === "" ? "not_found" : "unsupported";
}
