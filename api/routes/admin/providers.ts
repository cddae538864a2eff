import type { FastifyInstance } from "fastify";
import type { Pool } from "pg";
import { listProviders } from "../../../shared/providers/list-providers.ts";
import type { ProviderStates } from "../../../shared/providers/provider-states.ts";
import { askDatabase } from "../../../shared/db/ask-database.ts";

interface AdminProvidersDeps {
  readonly pool: Pool;
  readonly providerStates: Pick<ProviderStates, "get">;
}

/** `GET /admin/providers` shows the health and the load of each provider. */
export function addAdminProviders(app: FastifyInstance, deps: AdminProvidersDeps): void {
  app.get("/admin/providers", async () => ({
    object: "list",
    data: await askDatabase(() => listProviders(deps.pool, deps.providerStates)),
  }));
}
