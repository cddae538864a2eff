import type { ConversationRow } from "../../shared/conversations/conversation-statements.ts";

/** Shows a conversation as OpenAI does. */
export function conversationObject({ id, metadata, created_at }: ConversationRow): object {
  return {
    id,
    object: "conversation",
    created_at: Math.floor(created_at.getTime() / 1_000),
    metadata: JSON.parse(metadata) as object,
  };
}
