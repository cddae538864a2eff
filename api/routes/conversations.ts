import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { z } from "zod";
import { checkFields } from "../../shared/requests/check-fields.ts";
import {
  createConversation,
  deleteConversation,
  findConversation,
  updateConversation,
} from "../../shared/conversations/conversation-statements.ts";
import {
  appendItems,
  deleteItem,
  findItem,
  listItems,
} from "../../shared/conversations/item-statements.ts";
import { newItems, type NewItem } from "../../shared/conversations/new-items.ts";
import { unfoldTurns } from "../../shared/conversations/unfold-turns.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { parseBody } from "../../shared/requests/parse-body.ts";
import { parseExact } from "../../shared/json/exact-json.ts";
import { conversationObject } from "../conversations/conversation-object.ts";
import { conversationInput, itemsInput } from "../conversations/conversation-input.ts";
import { metadataInput } from "../../shared/requests/schemas/metadata-pairs.ts";
import { callerOf } from "../http/authenticate-caller.ts";
import { listObject } from "../http/list-object.ts";
import { PAGE_BYTES } from "../http/page-of.ts";
import { pageQuery } from "../http/page-query.ts";
import { answerOnce } from "../http/answer-once.ts";
import { readBody, smallBody } from "../http/json-body.ts";

interface ConversationRoute {
  Params: { id: string; item: string };
}

type ItemRequest = FastifyRequest<ConversationRoute>;

const JSON_TYPE = "application/json; charset=utf-8";

/** OpenAI's SDK may ask for more of an item with `include`. Here items are always whole. */
const itemsQuery = z.looseObject(pageQuery);

/** `/v1/conversations` creates, shows, changes and deletes conversations and their items. */
export function addConversations(app: FastifyInstance, { pool }: { readonly pool: Pool }): void {
  const own = async (request: ItemRequest) => {
    const { id } = request.params;
    const key = callerOf(request).id;
    return (await askDatabase(() => findConversation(pool, key, id))) ?? noConversation(id);
  };

  /** Finds a conversation and brings its items up to date. */
  const unfolded = async (request: ItemRequest) => {
    const found = await own(request);
    await askDatabase(() => unfoldTurns(pool, found.id));
    return found;
  };

  app.post("/v1/conversations", (request, reply) => {
    const { id: key } = callerOf(request);
    return answerOnce(request, reply, pool, {
      prepare: async () => readCreation(request),
      work: async (client, { metadata, items }) => {
        const made = await createConversation(client, key, metadata);
        if (items.length > 0) await appendItems(client, key, made.id, items);
        return conversationObject(made);
      },
    });
  });

  app.get<ConversationRoute>("/v1/conversations/:id", async (request) =>
    conversationObject(await own(request)),
  );

  app.post<ConversationRoute>("/v1/conversations/:id", smallBody, async (request) => {
    const { metadata } = readBody(metadataInput, request);
    const { id } = await own(request);
    const text = JSON.stringify(metadata ?? {});
    const changed = await askDatabase(() =>
      updateConversation(pool, callerOf(request).id, id, text),
    );
    return conversationObject(changed ?? noConversation(id));
  });

  app.delete<ConversationRoute>("/v1/conversations/:id", async (request) => {
    const { id } = request.params;
    const isDeleted = await askDatabase(() => deleteConversation(pool, callerOf(request).id, id));
    return isDeleted ? { id, object: "conversation.deleted", deleted: true } : noConversation(id);
  });

  app.post<ConversationRoute>("/v1/conversations/:id/items", (request, reply) => {
    const { id } = request.params;
    return answerOnce(request, reply, pool, {
      prepare: async () => readItemsOf(request),
      work: async (client, items) => {
        const found = await appendItems(client, callerOf(request).id, id, items);
        if (!found) noConversation(id);
        return listOf(
          items.map(({ text }) => text),
          false,
        );
      },
    });
  });

  app.get<ConversationRoute>("/v1/conversations/:id/items", async (request, reply) => {
    const { after, order, limit } = checkFields(itemsQuery, request.query);
    const { id } = await unfolded(request);
    const page = { after, ascending: order === "asc", limit, maxBytes: PAGE_BYTES };
    const { texts, hasMore } = await askDatabase(() => listItems(pool, id, page));
    return send(reply, listOf(texts, hasMore));
  });

  app.get<ConversationRoute>("/v1/conversations/:id/items/:item", async (request, reply) => {
    const { id } = await unfolded(request);
    const { item } = request.params;
    const text = await askDatabase(() => findItem(pool, id, item));
    return reply.type(JSON_TYPE).send(text ?? noItem(item));
  });

  app.delete<ConversationRoute>("/v1/conversations/:id/items/:item", async (request) => {
    const found = await unfolded(request);
    const { item } = request.params;
    if (!(await askDatabase(() => deleteItem(pool, found.id, item)))) noItem(item);
    return conversationObject(found);
  });
}

/** Sends a list. Numbers in items stay as they were written. */
function send(reply: FastifyReply, list: object): FastifyReply {
  return reply.type(JSON_TYPE).send(JSON.stringify(list));
}

function listOf(texts: readonly string[], hasMore: boolean): object {
  return listObject(
    texts.map((text) => parseExact(text) as object),
    hasMore,
  );
}

function readCreation(request: FastifyRequest) {
  const { body } = request as { body?: Buffer };
  const parsed = parseBody(body === undefined || body.length === 0 ? Buffer.from("{}") : body);
  const { metadata } = checkFields(conversationInput, parsed.fields);
  const items = (parsed.exact["items"] ?? []) as readonly unknown[];
  return { metadata: JSON.stringify(metadata ?? {}), items: newItems(items) };
}

function readItemsOf(request: FastifyRequest): readonly NewItem[] {
  const { fields, exact } = parseBody(request.body as Buffer | undefined);
  checkFields(itemsInput, fields);
  return newItems(exact["items"] as readonly unknown[]);
}

/** Throws the same error for another key's conversation as for one that does not exist. */
function noConversation(id: string): never {
  throw new BrokerError("not_found", `Conversation with id '${id.slice(0, 64)}' not found.`, {
    param: "id",
  });
}

function noItem(id: string): never {
  throw new BrokerError("not_found", `Item with id '${id.slice(0, 64)}' not found.`, {
    param: "item_id",
  });
}
