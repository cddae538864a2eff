import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { checkFields } from "../../../shared/requests/check-fields.ts";
import type { Database } from "../../../shared/db/database.ts";
import { BrokerError } from "../../../shared/errors/broker-error.ts";
import { createKey } from "../../../shared/keys/create-key.ts";
import { getKey } from "../../../shared/keys/get-key.ts";
import { createKeyInput, updateKeyInput } from "../../../shared/keys/key-input.ts";
import { listKeys } from "../../../shared/keys/list-keys.ts";
import { revokeKey } from "../../../shared/keys/revoke-key.ts";
import { updateKey } from "../../../shared/keys/update-key.ts";
import type { ReplySender } from "../../../shared/replies/reply-path.ts";
import { askDatabase } from "../../../shared/db/ask-database.ts";
import { queryFields } from "../../http/query-fields.ts";

interface AdminKeysDeps {
  readonly database: Pick<Database, "pool" | "end">;
  readonly reply: ReplySender;
}

const BODY_LIMIT_BYTES = 512 * 1024;

const listQuery = z
  .strictObject({ limit: queryFields.limit, after: queryFields.id })
  .partial({ after: true });

/** `/admin/keys` creates, lists, shows, changes and revokes keys. */
export function addAdminKeys(app: FastifyInstance, deps: AdminKeysDeps): void {
  const { pool } = deps.database;

  app.post("/admin/keys", { bodyLimit: BODY_LIMIT_BYTES }, async (request, response) => {
    const input = checkFields(createKeyInput, request.body);
    const { secret, webhookSecret, key } = await askDatabase(() => createKey(pool, input));
    response.code(201).header("cache-control", "no-store");
    return { ...key, key: secret, webhook_secret: webhookSecret };
  });

  app.get("/admin/keys", async (request) => {
    const page = checkFields(listQuery, request.query);
    const { keys, hasMore } = await askDatabase(() => listKeys(pool, page));
    return {
      object: "list",
      data: keys,
      first_id: keys.at(0)?.id ?? null,
      last_id: keys.at(-1)?.id ?? null,
      has_more: hasMore,
    };
  });

  app.get("/admin/keys/:id", async (request) => {
    const id = keyId(request.params);
    return (await askDatabase(() => getKey(pool, id))) ?? notFound();
  });

  app.patch("/admin/keys/:id", { bodyLimit: BODY_LIMIT_BYTES }, async (request, response) => {
    const id = keyId(request.params);
    const input = checkFields(updateKeyInput, request.body);
    const updated = (await askDatabase(() => updateKey(pool, id, input))) ?? notFound();
    response.header("cache-control", "no-store");
    return { ...updated.key, webhook_secret: updated.webhookSecret };
  });

  app.delete("/admin/keys/:id", async (request) => {
    const id = keyId(request.params);
    const ended = await askDatabase(() => revokeKey(deps.database, id, deps.reply));
    if (ended === undefined) notFound();
    return { id, object: "key", deleted: true };
  });
}

/** An id that no key can have is unknown, like any other. */
function keyId(params: unknown): string {
  const id = queryFields.id.safeParse((params as { readonly id: unknown }).id);
  return id.success ? id.data : notFound();
}

function notFound(): never {
  throw new BrokerError("not_found", "No such key.");
}
