import type { FastifyInstance } from "fastify";
import type { Pool } from "pg";
import { listProviders } from "../../../shared/providers/list-providers.ts";
import type { ProviderStates } from "../../../shared/providers/provider-states.ts";
import { askDatabase } from "../../../shared/db/ask-database.ts";

interface ProviderRoutesDeps {
  readonly pool: Pool;
  readonly providerStates?: Pick<ProviderStates, "get">;
}

/** `GET /providers`: health and load of each. */
export function providerRoutes(app: FastifyInstance, deps: ProviderRoutesDeps): void {
  app.get("/providers", async () => ({
    object: "list",
    data: await askDatabase(() => listProviders(deps.pool, deps.providerStates)),
  }));
}
