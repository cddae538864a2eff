import type { FastifyInstance } from "fastify";
import type { Database } from "../../../shared/db/database.ts";
import type { ProviderStates } from "../../../shared/providers/provider-states.ts";
import type { ReplySender } from "../../../shared/replies/reply-path.ts";
import { adminAuth } from "../../auth/admin-auth.ts";
import { takeAdminJson } from "../../http/admin-json-body.ts";
import { addAdminKeys } from "./keys.ts";
import { addAdminLedger } from "./ledger.ts";
import { addAdminProviders } from "./providers.ts";
import { addAdminUsage } from "./usage.ts";

export interface AdminDeps {
  readonly database: Pick<Database, "pool" | "end">;
  readonly adminKey: string;
  readonly providerStates: Pick<ProviderStates, "get">;
  /** Tells the callers of a revoked key that their waiting jobs have ended. */
  readonly reply: ReplySender;
}

/** Adds everything below `/admin`, in a scope behind the admin key. */
export function addAdmin(app: FastifyInstance, deps: AdminDeps): void {
  const { database, providerStates, reply } = deps;
  const { pool } = database;
  app.register((admin, _options, done) => {
    admin.addHook("onRequest", adminAuth(deps.adminKey));
    takeAdminJson(admin);
    addAdminKeys(admin, { database, reply });
    addAdminLedger(admin, { pool });
    addAdminProviders(admin, { pool, providerStates });
    addAdminUsage(admin, { pool });
    done();
  });
}
