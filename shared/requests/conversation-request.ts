import type { Pool } from "pg";
import type { ConversationTurn } from "../conversations/begin-turn.ts";
import { findConversation } from "../conversations/conversation-statements.ts";
import { readItems } from "../conversations/item-statements.ts";
import { unfoldTurns } from "../conversations/unfold-turns.ts";
import { newItems } from "../conversations/new-items.ts";
import { BrokerError } from "../errors/broker-error.ts";
import { parseExact } from "../json/exact-json.ts";
import { asObject } from "../json/json-object.ts";
import type { ParsedBody } from "./parse-body.ts";
import { inputItems } from "./previous-turn.ts";

export interface ConversationRequest {
  readonly body: ParsedBody;
  /** The request adds these items to its conversation. Undefined without a conversation. */
  readonly turn: ConversationTurn | undefined;
}

/**
 * Puts the items of a response request's conversation in front of its input. Throws `BrokerError`
 * for a conversation that this key does not have, or that is larger than a request may be.
 */
export async function withConversation(
  pool: Pick<Pool, "query">,
  key: string,
  body: ParsedBody,
  maxChars: number,
): Promise<ConversationRequest> {
  const { conversation, previous_response_id: previous, store, input } = body.fields;
  const id = typeof conversation === "string" ? conversation : asObject(conversation)?.["id"];
  // A value of another type is refused with the other fields.
  if (typeof id !== "string") return { body, turn: undefined };
  if (previous != null)
    throw refused("It cannot be used together with 'previous_response_id'.", "conversation");
  if (store === false) throw refused("A response in a conversation is always stored.", "store");
  const found = await findConversation(pool, key, id);
  if (found === undefined)
    throw new BrokerError("not_found", `Conversation with id '${id.slice(0, 64)}' not found.`, {
      param: "conversation",
    });
  await unfoldTurns(pool, id);
  const earlier = await readItems(pool, id, maxChars);
  if (earlier === undefined)
    throw refused("The conversation is larger than a request may be.", "conversation");
  const [fields, exact] = [JSON.parse(earlier) as unknown[], parseExact(earlier) as unknown[]];
  const own = inputItems(body.exact["input"]);
  const added = newItems(own).map(({ text }) => text);
  return {
    body: {
      fields: { ...body.fields, input: [...fields, ...inputItems(input)] },
      exact: { ...body.exact, input: [...exact, ...own] },
    },
    turn: { conversation: id, items: `[${added.join(",")}]` },
  };
}

function refused(message: string, param: string): BrokerError {
  return new BrokerError("invalid_request", `Invalid value for '${param}': ${message}`, { param });
}
