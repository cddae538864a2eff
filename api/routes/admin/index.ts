import type { FastifyInstance } from "fastify";
import type { Database } from "../../../shared/db/database.ts";
import type { ProviderStates } from "../../../shared/providers/provider-states.ts";
import type { ReplySender } from "../../../shared/replies/reply-path.ts";
import { adminAuth } from "../../auth/admin-auth.ts";
import { takeAdminJson } from "../../http/admin-json-body.ts";
import { keyRoutes } from "./keys.ts";
import { ledgerRoutes } from "./ledger.ts";
import { providerRoutes } from "./providers.ts";
import { usageRoutes } from "./usage.ts";

export interface AdminDeps {
  readonly database: Pick<Database, "pool" | "end">;
  readonly adminKey: string;
  readonly providerStates?: Pick<ProviderStates, "get">;
  readonly reply?: ReplySender;
}

/** The plugin with everything below `/admin`, behind the admin key. Errors are `BrokerError`s. */
export function registerAdmin(deps: AdminDeps): (app: FastifyInstance) => Promise<void> {
  const { pool } = deps.database;
  return async (app) => {
    await app.register(
      async (admin) => {
        admin.addHook("onRequest", adminAuth(deps.adminKey));
        takeAdminJson(admin);
        keyRoutes(admin, deps);
        ledgerRoutes(admin, { pool });
        usageRoutes(admin, { pool });
        providerRoutes(admin, {
          pool,
          ...(deps.providerStates && { providerStates: deps.providerStates }),
        });
      },
      { prefix: "/admin" },
    );
  };
}
