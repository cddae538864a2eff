import type { GovernedField } from "../../config/request-fields.ts";
import type { Endpoint } from "../contracts/endpoint.ts";
import { BrokerError } from "../errors/broker-error.ts";
import { fieldPath } from "./check-fields.ts";

const MAX_PARAM_CHARS = 128;

const caps: Readonly<Record<Endpoint, string>> = {
  "chat.completions": "Use 'max_tokens' or 'max_completion_tokens' for the output cap",
  completions: "Use 'max_tokens' for the output cap",
  embeddings: "Embeddings have no output cap",
  responses: "Use 'max_output_tokens' for the output cap",
};

/** Hints for fields that belong to another endpoint. */
const moved: Readonly<Record<string, string>> = {
  messages: "'messages' belongs to chat completions; here it is 'input'",
  prompt: "'prompt' belongs to completions",
  input: "'input' belongs to responses and embeddings",
};

/** Returns the refusal of a field that would change the cost or the destination of a request. */
export function refusedField(
  endpoint: Endpoint,
  field: GovernedField,
  path: readonly PropertyKey[],
): BrokerError {
  const param = fieldPath(path).slice(0, MAX_PARAM_CHARS);
  const message = `Unsupported parameter: '${param}'. ${hint(endpoint, field, path)}`;
  return new BrokerError("invalid_request", message, { param });
}

function hint(endpoint: Endpoint, field: GovernedField, path: readonly PropertyKey[]): string {
  const { rule, name, isCount } = field;
  const isChoices = endpoint === "chat.completions" || endpoint === "completions";
  if (rule === "operator") return "Only the operator may set it, in the route's 'defaults'.";
  if (rule === "media") return "Send media as parts of a message's content.";
  if (isCount) return isChoices ? "Use 'n' for the number of choices." : "There is one choice.";
  if (rule === "cap" || name.startsWith("max_")) return `${caps[endpoint]}.`;
  if (path.length > 1) return `'${name}' has its place beside '${String(path[0])}', not inside.`;
  if (path[0] !== name) return `Did you mean '${name}'?`;
  return `${moved[name] ?? `'${name}' does not belong to this endpoint`}.`;
}
